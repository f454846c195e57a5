"""Health: polite probes that ask a PACS whether it is alive."""
