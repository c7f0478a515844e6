"""TLS for servers and clients; needs the extra ``tls``."""
