"""Send each piece with one send(2), once the piece before has come back."""

import codecs
import socket
import sys

host, port, *pieces = sys.argv[1:]
with socket.create_connection((host, int(port))) as server:
    for piece in pieces:
        data = codecs.escape_decode(piece.encode())[0]  # \n, \xec
        sent, echo = server.send(data), b""
        print(f"send({data!r}) = {sent}")
        while len(echo) < sent:
            chunk = server.recv(65536)
            echo += chunk
            print(f"    recv() = {len(chunk)}")
