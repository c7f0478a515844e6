"""Sinks: what takes events and does something with them."""
