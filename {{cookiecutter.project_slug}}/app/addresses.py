"""Host names and addresses, in the form in which they are compared and counted."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit


@lru_cache(1024)
def hostname(host: str) -> str | None:
    """The name in a Host header, without the port; None where it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def scheme(url: str) -> str | None:
    """The scheme of a URL; None where it is malformed."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return None


def network(address: str) -> str:
    """What limits count as one address: of IPv6 the /64, which is what one subscriber has."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or ip.exploded[:19])
