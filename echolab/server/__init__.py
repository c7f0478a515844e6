"""The receiving side: Factory, Protocol, service, and their parts.

Private: applications use its parts by the names in `echolab`.
"""
