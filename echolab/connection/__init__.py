"""One connection of either side: what the protocols of server and client share.

Private: what applications use of it are the names in `echolab`.
"""
