"""Send 1 MiB to a server that does not read, and tell what send(2) returns."""

import select
import socket
import sys

left = memoryview(b"x" * (1 << 20))
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    server.setblocking(False)
    while left:
        try:
            sent = server.send(left)
        except BlockingIOError as why:
            print(f"send({len(left)}) = -1 {why.strerror}; waiting", flush=True)
            select.select([], [server], [])
        else:
            print(f"send({len(left)}) = {sent}", flush=True)
            left = left[sent:]
