"""Framing: bytes in, messages out. No I/O, no clock, and every buffer bounded."""
