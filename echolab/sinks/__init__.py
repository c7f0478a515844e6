"""Sinks: objects that take events and do something with them.

Private: what applications use of it are the names in `echolab`.
"""
