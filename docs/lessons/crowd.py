"""Connect several clients at once, and tell how each of them fares.

python3 crowd.py PLACE NUMBER [COMMAND]

PLACE is HOST:PORT, or the path of a UNIX socket. COMMAND runs while the clients wait.
"""

import os
import select
import socket
import subprocess
import sys

STATES = {1: "ESTABLISHED", 2: "SYN_SENT"}

place, number, *command = sys.argv[1:]
host, _, port = place.rpartition(":")
waiting = {}
for each in range(1, int(number) + 1):
    client = socket.socket(socket.AF_INET if host else socket.AF_UNIX)
    client.setblocking(False)
    error = client.connect_ex((host, int(port)) if host else place)
    told = os.strerror(error) if error else "connected"
    if host:
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        told = STATES.get(info[0], told)
    print(f"client {each}: connect: {told}", flush=True)
    waiting[client] = f"client {each}"

if command:
    subprocess.run(command)
elif host:
    while waiting:  # for the server, which closes each connection
        for client in select.select(waiting, [], [])[0]:
            print(f"{waiting.pop(client)}: the server has closed", flush=True)
