"""What stands between the input of a client and its connection."""
