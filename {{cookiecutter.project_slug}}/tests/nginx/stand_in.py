"""A service that answers with the headers it was sent; EXIT makes it end, STUBBORN stay.

While there is a file UNREADY it is not ready.
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

from app.supervisor import tell


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if protocol := self.headers.get("Upgrade"):
            self.upgrade(protocol)
        elif "UNREADY" in os.environ and Path(os.environ["UNREADY"]).exists():
            print("not ready", flush=True)
            self.send_error(503)
        else:
            self.answer(json.dumps(self.headers.items()).encode())

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def upgrade(self, protocol: str) -> None:
        """Speak another protocol: say one line again."""
        self.send_response(101)
        self.send_header("Connection", self.headers["Connection"])
        self.send_header("Upgrade", protocol)
        self.end_headers()
        self.wfile.write(self.rfile.readline())
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        """Say nothing: a unix socket has no address to name."""


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    if "EXIT" in os.environ:
        sys.exit(int(os.environ["EXIT"]))
    stay = "STUBBORN" in os.environ
    signal.signal(signal.SIGTERM, signal.SIG_IGN if stay else lambda *_: sys.exit(0))
    server = Server(os.environ["UNIX_SOCKET"], Echo)
    tell("READY=1")
    server.serve_forever()
