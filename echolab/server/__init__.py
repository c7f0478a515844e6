"""The receiving side: Factory, Protocol, service, and their parts.

Private: what applications use of it are the names in `echolab`.
"""
