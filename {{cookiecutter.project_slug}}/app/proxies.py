"""Who asks where proxies stand in between: what those say that are trusted."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from tornado.httputil import HTTPServerRequest

Network = IPv4Network | IPv6Network
Trusts = Callable[[str], bool]


def trusting(networks: Sequence[Network]) -> Trusts:
    """Tells whether an address is in one of these networks; raises `ValueError` if it is none."""

    @lru_cache(4096)
    def trusts(address: str) -> bool:
        ip = ip_address(address)
        ip = (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip
        return any(ip in network for network in networks)

    return trusts


def apply_forwarded(request: HTTPServerRequest, trusts: Trusts) -> None:
    """Put the client's address and scheme in place of the proxy's.

    Each proxy appends the address that it was asked from, so the list is read from its end, as far
    as it was written by those who are trusted. Of the headers that clients could forge past some
    proxies (X-Real-IP, X-Scheme, Forwarded) none is read.
    """
    headers = request.headers
    try:
        for address in reversed(headers.get("X-Forwarded-For", "").split(",")):
            trusted = trusts(address.strip())
            request.remote_ip = address.strip()
            if not trusted:
                break
    except ValueError:
        pass  # what is no address ends the list
    scheme = headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip()
    if scheme in ("http", "https"):
        request.protocol = scheme
