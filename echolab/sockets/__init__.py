"""Facts about sockets that Twisted does not tell; ways to listen and to connect."""
