"""Configuration: text in, frozen values and a list of problems out; no Twisted, no sockets."""
