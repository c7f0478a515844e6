"""The receiving side: Factory, Protocol and service, and what makes them up.

Private: what applications use of it are the names in `echolab`.
"""
