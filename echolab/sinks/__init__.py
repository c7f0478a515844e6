"""Sinks: objects that take events and do something with them.

Private: applications use its parts by the names in `echolab`.
"""
