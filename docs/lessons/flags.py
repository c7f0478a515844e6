"""The flags of recv(2) and send(2), against a server that echoes."""

import socket
import sys
from socket import MSG_DONTWAIT, MSG_MORE, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL

server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
try:
    server.recv(100, MSG_DONTWAIT)
except BlockingIOError as why:
    print("DONTWAIT  ", why.strerror)

server.send(b"hello\n")
print("PEEK      ", server.recv(100, MSG_PEEK))
print("again     ", server.recv(100))

server.send(b"hello\n")
buffer = bytearray(b"......")
print("TRUNC     ", server.recv_into(buffer, 6, MSG_TRUNC), bytes(buffer))

for line in (b"one\n", b"two\n"):
    server.send(line)
    server.recv(1, MSG_PEEK)
print("WAITALL   ", server.recv(8, MSG_WAITALL))

server.send(b"three ", MSG_MORE)
server.send(b"four\n")
print("MORE      ", server.recv(11, MSG_WAITALL))

server.send(b"hello", MSG_OOB)
print("OOB       ", server.recv(5, MSG_WAITALL))
try:
    server.recv(1, MSG_OOB)
except OSError as why:
    print("again     ", why.strerror)
server.close()
