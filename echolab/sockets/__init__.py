"""What Twisted does not tell of sockets, and ways to listen and to connect."""
