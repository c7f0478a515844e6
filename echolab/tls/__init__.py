"""TLS on both sides, for those who have the extra ``tls``."""
