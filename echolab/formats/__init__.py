"""Formats: one event in, printed bytes out; and recordings, read back."""
