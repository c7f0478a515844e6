"""One connection of either side: what the protocols of server and client share.

Private: applications use its parts by the names in `echolab`.
"""
