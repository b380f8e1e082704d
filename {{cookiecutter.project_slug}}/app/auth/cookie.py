"""Where a request has its token: in the cookie of a session, or in a header of a program."""

import re
from typing import Any

from tornado.httputil import HTTPHeaders
from tornado.web import OutputTransform, RequestHandler

from app.auth.sessions import REMEMBERED
from app.auth.tokens import hashed, new_token

DEVICE_DAYS = 400
"""The longest that browsers keep a cookie (RFC 6265bis)."""


def bearer(handler: RequestHandler) -> str | None:
    """The token that a program sends (RFC 6750); what cannot be one is nobody's."""
    # Mostly there is none, which `get` takes three times as long to find out.
    scheme, _, token = ",".join(handler.request.headers.get_list("Authorization")).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class Challenge(OutputTransform):
    """Says with each 401, whoever answers it, how a program proves who it is (RFC 9110, 15.5.2)."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        if status_code == 401:
            headers["WWW-Authenticate"] = "Bearer"  # not `Basic`, which browsers would ask for
        return status_code, headers, chunk


class Cookie:
    """Over https a `__Host-` cookie: no other host and no plain http can set it (RFC 6265bis)."""

    def __init__(self, https: bool, name: str = "session") -> None:
        self.name = f"__Host-{name}" if https else name
        self._pattern = re.compile(rf"(?:^|; ?){self.name}=([A-Za-z0-9_-]{{43}})(?=;|$)")
        self._flags: dict[str, Any] = {"secure": https, "httponly": True, "samesite": "Lax"}

    def read(self, handler: RequestHandler) -> str | None:
        """The token, if the request has something that could be one.

        Read past Tornado's cookies: each request pays for it, and parsing all costs ten times that.
        """
        found = self._pattern.findall(handler.request.headers.get("Cookie", ""))
        return found[-1] if found else None

    def write(self, handler: RequestHandler, token: str, remember: bool = False) -> None:
        """Keep the token: for 30 days, or until the browser is closed."""
        age = int(REMEMBERED.absolute.total_seconds()) if remember else None
        handler.set_cookie(self.name, token, max_age=age, **self._flags)

    def clear(self, handler: RequestHandler) -> None:
        handler.clear_cookie(self.name, **self._flags)


class Device(Cookie):
    """Marks a browser in which somebody has logged in: their attempts are counted apart from
    those of strangers, who so cannot lock them out (OWASP, device cookies)."""

    def __init__(self, https: bool) -> None:
        super().__init__(https, "device")

    def of(self, handler: RequestHandler, email: str) -> str | None:
        """What to count this browser's attempts by, if it is one of the address's owner."""
        value = handler.get_signed_cookie(self.name, max_age_days=DEVICE_DAYS)
        owner, _, device = (value or b"").decode().partition(":")
        return device if owner == hashed(email) else None

    def remember(self, handler: RequestHandler, email: str) -> None:
        device = self.of(handler, email) or new_token()
        age = DEVICE_DAYS * 24 * 3600
        value = f"{hashed(email)}:{device}"
        handler.set_signed_cookie(self.name, value, None, max_age=age, **self._flags)
