"""One connection, of either side: what the protocols of server and client share."""
