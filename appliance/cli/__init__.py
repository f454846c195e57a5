"""The butterfly-tls command."""
