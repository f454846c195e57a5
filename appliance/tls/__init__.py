"""TLS: contexts, certificates and the transport that carries one connection's records."""
