"""Send to a server that has closed its end, until send(2) fails."""

import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as server:
    print("send() =", server.send(b"hello\n"))
    print("recv() =", len(server.recv(100)), "the server has closed: FIN")
    print("send() =", server.send(b"again\n"), "its kernel answers: RST")
    try:
        server.send(b"more\n")
    except OSError as why:
        print("send() = -1", why.strerror)
