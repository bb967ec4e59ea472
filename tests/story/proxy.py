#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""proxy.py PORT TARGET-PORT: a piece of network that can be cut: passes TCP connections on while it runs. Stopped by a signal it is a
line that went dead; killed, a host that refuses."""
import socket
import sys
import threading


def pump(source, sink):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            sink.sendall(data)
    except OSError:
        pass
    for s in (source, sink):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    port, target = int(sys.argv[1]), int(sys.argv[2])
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen(64)
        while True:
            client, _ = server.accept()
            try:
                there = socket.create_connection(("127.0.0.1", target), 10)
            except OSError:
                client.close()
                continue
            threading.Thread(target=pump, args=(client, there), daemon=True).start()
            threading.Thread(target=pump, args=(there, client), daemon=True).start()


main()
