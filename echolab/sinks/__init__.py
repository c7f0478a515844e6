"""Sinks: objects that take events and do something with them."""
