"""Backends: the PACS addresses of a section and the order in which they are tried."""
