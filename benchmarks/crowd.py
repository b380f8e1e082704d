"""A crowd of clients in one room, in one process: how fast does what is said reach them all?

Usage: python crowd.py ADDRESS CLIENTS IN_FLIGHT SECONDS, with the address a port or the path of a
unix socket. Prints JSON: deliveries per second, the milliseconds from saying to the last delivery
(median and 99th percentile), the share of the time that this process waited, and how many
deliveries came in one read.
"""

import json
import os
import re
import socket
import statistics
import sys
import time

SPEAKERS = 8
MARK = b"|"
"""Once in each text, and nowhere else in a message: so deliveries can be counted unparsed."""
TEXT = "|" + "x" * 99
PAUSE = 0.0001
"""Seconds between two looks: to wake a crowd for each message would be the server's work."""
HANDSHAKE = (
    "GET /rooms/lobby/socket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{}"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def frame(text: bytes) -> bytes:
    """A masked text frame, with a mask of zeros."""
    assert 126 <= len(text) < 65536
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + b"\0\0\0\0" + text


SAY = frame(json.dumps({"type": "say", "text": TEXT}).encode())


def enter(address: str, cookie: str) -> tuple[socket.socket, str]:
    """An open socket, and the cookie that it was given."""
    if address.isdigit():
        peer = socket.create_connection(("127.0.0.1", int(address)))
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    else:
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(address)
    peer.sendall(HANDSHAKE.format(cookie and f"Cookie: {cookie}\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += peer.recv(4096)
    assert head.startswith(b"HTTP/1.1 101"), head
    given = re.search(rb"Set-Cookie: ([^;]+)", head)
    peer.setblocking(False)
    return peer, given[1].decode() if given else cookie


class Crowd:
    """Reads for one client after the other, so that nobody has to tell it who has got something."""

    def __init__(self, address: str, clients: int) -> None:
        self.peers: list[socket.socket] = []
        cookie = ""
        for _ in range(clients):
            peer, cookie = enter(address, cookie)
            self.peers.append(peer)
        self.got = [0] * clients
        self.at = self.reads = 0
        self.said: list[float] = []
        self.delays: list[float] = []
        """Milliseconds, of each message that all have got."""

    def say(self) -> None:
        self.peers[len(self.said) % SPEAKERS].sendall(SAY)
        self.said.append(time.perf_counter())

    def read(self) -> None:
        """Read until a client has not got the next message, or all have."""
        done = len(self.delays)
        try:
            while self.at < len(self.peers):
                while self.got[self.at] <= done:
                    self.got[self.at] += self.peers[self.at].recv(65536).count(MARK)
                    self.reads += 1
                self.at += 1
        except BlockingIOError:
            time.sleep(PAUSE)
        else:
            self.at = 0
            self.delays.append((time.perf_counter() - self.said[done]) * 1000)


def run(address: str, clients: int, in_flight: int, seconds: float) -> dict[str, float]:
    crowd = Crowd(address, clients)
    begin, worked = time.perf_counter(), sum(os.times()[:2])
    while time.perf_counter() < begin + seconds:
        while len(crowd.said) - len(crowd.delays) < in_flight:
            crowd.say()
        crowd.read()
    took, worked = time.perf_counter() - begin, sum(os.times()[:2]) - worked
    figures = {
        "per_second": len(crowd.delays) * clients / took,
        "median_ms": statistics.median(crowd.delays),
        "p99_ms": statistics.quantiles(crowd.delays, n=100)[-1],
        "waited": 1 - worked / took,
        "joined": sum(crowd.got) / crowd.reads,
    }
    while len(crowd.delays) < len(crowd.said):  # leave in peace: nobody writes to those who went
        crowd.read()
    return figures


if __name__ == "__main__":
    address, *numbers = sys.argv[1:]
    clients, in_flight, seconds = map(int, numbers)
    print(json.dumps(run(address, clients, in_flight, seconds)))
