"""Where pages may send a browser: to our own paths only."""

import re

OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*\Z")


def own_path(url: str) -> str:
    """The URL if it is a path of ours, else `/` (OWASP ASVS 5.0, 3.7.2).

    Browsers read a backslash as a slash, drop control characters, and take `//` for a host.
    """
    return url if OWN_PATH.match(url) else "/"
