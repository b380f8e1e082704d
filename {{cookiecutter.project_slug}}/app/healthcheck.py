"""Asks the service of this machine whether it lives: a container's health check.

Nothing of the service is imported, so that it takes little more time than Python's own start.
"""

import os
import socket
import sys

SECONDS = 2.0
REQUEST = b"GET /health/live HTTP/1.0\r\n\r\n"


def alive() -> bool:
    """Whether it answers on UNIX_SOCKET, or on PORT of the loopback; raises `OSError`."""
    path, port = os.environ.get("UNIX_SOCKET"), os.environ.get("PORT") or "8000"
    with socket.socket(socket.AF_UNIX if path else socket.AF_INET) as client:
        client.settimeout(SECONDS)
        client.connect(path or ("127.0.0.1", int(port)))
        client.sendall(REQUEST)
        return b" 200 " in client.recv(64)


if __name__ == "__main__":
    try:
        sys.exit(not alive())
    except OSError as error:
        sys.exit(f"{error}")
