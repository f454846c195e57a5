"""Log lines: the vocabulary of stunnel, written to terminal, file or syslog."""
