"""A crowd of clients in one room, in one process: how fast does what is said reach them all?

Usage: python crowd.py PORT CLIENTS IN_FLIGHT SECONDS. Prints JSON: deliveries per second, the
milliseconds from saying to the last delivery (median and 99th percentile), the share of the time
that this process waited, and how many deliveries came in one read.
"""

import json
import os
import re
import select
import socket
import statistics
import sys
import time

SPEAKERS = 8
MARK = b"|"
"""Once in each text, and nowhere else in a message: so deliveries can be counted unparsed."""
TEXT = "|" + "x" * 99
PAUSE = 0.0002
"""Seconds between two looks: to wake a crowd for each message would be the server's work."""
HANDSHAKE = (
    "GET /rooms/lobby/socket HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{}"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def frame(text: bytes) -> bytes:
    """A masked text frame, with a mask of zeros."""
    assert 126 <= len(text) < 65536
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + b"\0\0\0\0" + text


SAY = frame(json.dumps({"type": "say", "text": TEXT}).encode())


def enter(port: int, cookie: str) -> tuple[socket.socket, str]:
    """An open socket, and the cookie that it was given."""
    peer = socket.create_connection(("127.0.0.1", port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.sendall(HANDSHAKE.format(port, cookie and f"Cookie: {cookie}\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += peer.recv(4096)
    assert head.startswith(b"HTTP/1.1 101"), head
    given = re.search(rb"Set-Cookie: ([^;]+)", head)
    peer.setblocking(False)
    return peer, given[1].decode() if given else cookie


def run(port: int, clients: int, in_flight: int, seconds: float) -> dict[str, float]:
    poll, peers, cookie = select.epoll(), {}, ""
    for _ in range(clients):
        peer, cookie = enter(port, cookie)
        peers[peer.fileno()] = peer
        poll.register(peer, select.EPOLLIN)
    speakers = list(peers.values())[:SPEAKERS]
    for fd, _ in poll.poll(1.0):  # what the room says to those who enter
        peers[fd].recv(65536)
    said: list[float] = []
    delays: list[float] = []
    received = reads = 0
    begin = time.perf_counter()
    cpu = sum(os.times()[:2])
    while (now := time.perf_counter()) < begin + seconds:
        while len(said) - received // clients < in_flight:
            speakers[len(said) % SPEAKERS].sendall(SAY)
            said.append(now)
        time.sleep(PAUSE)
        for fd, _ in poll.poll(timeout=1, maxevents=clients):
            received += peers[fd].recv(65536).count(MARK)
            reads += 1
        done = received // clients
        if done > len(delays):
            now = time.perf_counter()
            delays += [(now - at) * 1000 for at in said[len(delays) : done]]
    took, worked = time.perf_counter() - begin, sum(os.times()[:2]) - cpu
    figures = {
        "per_second": received / took,
        "median_ms": statistics.median(delays),
        "p99_ms": statistics.quantiles(delays, n=100)[-1],
        "waited": 1 - worked / took,
        "joined": received / reads,
    }
    while received < len(said) * clients:  # leave in peace: nobody writes to those who went
        for fd, _ in poll.poll():
            received += peers[fd].recv(65536).count(MARK)
    return figures


if __name__ == "__main__":
    port, clients, in_flight, seconds = map(int, sys.argv[1:])
    print(json.dumps(run(port, clients, in_flight, seconds)))
