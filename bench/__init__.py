"""Measures TLS terminators side by side: ours, stunnel, HAProxy, nginx and hitch."""
