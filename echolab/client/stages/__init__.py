"""Stages between a client's input and its connection."""
