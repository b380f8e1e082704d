"""What attackers send: requests that two servers might read differently, and bodies that swell."""

import gzip
from collections.abc import Callable

MEGABYTE = 1024 * 1024
HOST = b"Host: 127.0.0.1\r\n"
FORM = "application/x-www-form-urlencoded"


def request(line: str, *headers: bytes) -> bytes:
    """The last of its connection."""
    lines = [line.encode() + b" HTTP/1.1", HOST.strip(), b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def post(kind: str, body: bytes, *more: str) -> bytes:
    head = [f"Content-Type: {kind}", *(more or [f"Content-Length: {len(body)}"])]
    return b"POST /echo HTTP/1.1\r\n" + HOST + "\r\n".join(head).encode() + b"\r\n\r\n" + body


AFTER = request("GET /hello?name=after")
SMUGGLED = b"GET /hello?name=smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
CHUNKED = b"0\r\n\r\n" + SMUGGLED
SMUGGLING = {
    "a length and chunks": ("Content-Length: %\nTransfer-Encoding: chunked", CHUNKED),
    "chunks and a length": ("Transfer-Encoding: chunked\nContent-Length: 4", CHUNKED),
    "two lengths": ("Content-Length: 4\nContent-Length: %", b"abcd" + SMUGGLED),
    "two lengths in one": ("Content-Length: 4, %", b"abcd" + SMUGGLED),
    "a length twice": ("Content-Length: 4, 4", b"abcd"),
    "a length with a sign": ("Content-Length: +4", b"abcd" + SMUGGLED),
    "a negative length": ("Content-Length: -4", SMUGGLED),
    "a length in hexadecimal": ("Content-Length: 0x4", b"abcd" + SMUGGLED),
    "an empty length": ("Content-Length: ", SMUGGLED),
    "a space before the colon": ("Transfer-Encoding : chunked", CHUNKED),
    "a space and a length": ("Content-Length: 5\nTransfer-Encoding : chunked", CHUNKED),
    "an unknown coding": ("Transfer-Encoding: xchunked", CHUNKED),
    "two codings": ("Transfer-Encoding: chunked\nTransfer-Encoding: identity", CHUNKED),
    "a coding twice": ("Transfer-Encoding: chunked, chunked", CHUNKED),
    "a tab before the coding": ("Transfer-Encoding: \x0bchunked", CHUNKED),
    "a size in hexadecimal": ("Transfer-Encoding: chunked", b"0x1\r\na\r\n" + CHUNKED),
    "a size with a sign": ("Transfer-Encoding: chunked", b"+1\r\na\r\n" + CHUNKED),
    "a size that overflows": ("Transfer-Encoding: chunked", b"10000000000000000\r\n" + SMUGGLED),
    "a chunk longer than said": ("Transfer-Encoding: chunked", b"1\r\nabc\r\n" + CHUNKED),
    "a folded coding": ("Transfer-Encoding:\n chunked", CHUNKED),
    "a folded header": ("Content-Length: 4\nX: a\n Content-Length: %", b"abcd"),
    "a zero byte": ("Content-Length: 4\nX: a\0b", b"abcd"),
    "a bare carriage return": ("Content-Length: 4\nX: a\rContent-Length: %", b"abcd"),
    "no colon": ("Content-Length: 4\nX", b"abcd"),
    "a space before a header": (" X: a\nContent-Length: 4", b"abcd"),
}
"""Headers of a POST, with the length of what is smuggled for %, and its body."""


def smuggling(how: str) -> bytes:
    headers, body = SMUGGLING[how]
    return post(FORM, body, *headers.replace("%", str(len(SMUGGLED))).split("\n"))


PART = b'--x\r\nContent-Disposition: form-data; name="a%d"\r\n\r\n1\r\n'


def parts(count: int) -> bytes:
    body = b"".join(PART % number for number in range(count)) + b"--x--\r\n"
    return post("multipart/form-data; boundary=x", body)


def arguments(count: int) -> bytes:
    return post(FORM, b"&".join(b"a%d=1" % number for number in range(count)))


def compressed() -> bytes:
    body = gzip.compress(bytes(64 * MEGABYTE), 1)
    return post(FORM, body, "Content-Encoding: gzip", f"Content-Length: {len(body)}")


CHUNK = b"100000\r\n" + bytes(MEGABYTE) + b"\r\n"
BOMBS: dict[str, Callable[[], bytes]] = {
    "compressed": compressed,
    "parts": lambda: parts(101),
    "arguments": lambda: arguments(1001),
    "chunks": lambda: post(FORM, CHUNK * 32, "Transfer-Encoding: chunked"),
    "a length": lambda: post(FORM, b"", "Content-Length: 10000000000"),
}

HOSTS = [
    "/hello HTTP/1.1\nHost: evil.example",
    "/hello HTTP/1.1\nX: no host",
    "/hello HTTP/1.1\nHost: ",
    "/hello HTTP/1.1\nHost: 127.0.0.1\nHost: evil.example",
    "/hello HTTP/1.1\nHost: evil.example\nHost: 127.0.0.1",
    "/hello HTTP/1.1\nHost: a:b",
    "/hello HTTP/1.1\nHost: 127.0.0.1.evil.example",
    "/hello HTTP/1.1\nHost: 127.0.0.1@evil.example",
    "/hello HTTP/1.1\nHost: evil.example/127.0.0.1",
    "/hello HTTP/1.1\nHost: 10.0.0.1",
    f"/hello HTTP/1.1\nHost: {'x' * 300}",
    "http://evil.example/hello HTTP/1.1\nHost: 127.0.0.1",
    "//evil.example/hello HTTP/1.1\nHost: evil.example",
]
REQUEST_IDS = [
    b"abcdefgh\r\n Set-Cookie: a=b",
    b"abcdefgh%0d%0aSet-Cookie: a=b",
    b"abcdefgh\nX: Set-Cookie: a=b",
    b"abcdefgh\rSet-Cookie: a=b",
    b"abcdefgh\0",
    b"\xe5\x98\x8a\xe5\x98\x8dSet-Cookie:a=b",
    b"x" * 4096,
]
PATHS = """
    ../../../pyproject.toml ..%2f..%2f..%2fpyproject.toml %2e%2e/%2e%2e/%2e%2e/pyproject.toml
    %252e%252e%252f%252e%252e%252f%252e%252e%252fpyproject.toml %c0%ae%c0%ae/pyproject.toml
    ..%5c..%5c..%5cpyproject.toml style.css%00 ..%00/pyproject.toml //pyproject.toml
    %2f..%2f..%2f..%2fpyproject.toml ..;/..;/..;/pyproject.toml .gitignore %2egitignore link.toml
"""
"""From the static files to others."""
