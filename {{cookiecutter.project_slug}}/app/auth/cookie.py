"""Where a request has its token: in the cookie of a session, or in a header of a program."""

import re

from tornado.web import RequestHandler

from app.auth.sessions import REMEMBERED

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def bearer(handler: RequestHandler) -> str | None:
    """The token that a program sends (RFC 6750); what cannot be one is nobody's."""
    scheme, _, token = handler.request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class Cookie:
    """Over https a `__Host-` cookie: no other host and no plain http can set it (RFC 6265bis)."""

    def __init__(self, https: bool) -> None:
        self.name = "__Host-session" if https else "session"
        self._secure = https

    def read(self, handler: RequestHandler) -> str | None:
        """The token, if the request has something that could be one."""
        value = handler.get_cookie(self.name)
        return value if value and TOKEN.match(value) else None

    def write(self, handler: RequestHandler, token: str, remember: bool) -> None:
        """Keep the token: for 30 days, or until the browser is closed."""
        age = int(REMEMBERED.absolute.total_seconds()) if remember else None
        handler.set_cookie(
            self.name,
            token,
            max_age=age,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )

    def clear(self, handler: RequestHandler) -> None:
        handler.clear_cookie(
            self.name, path="/", secure=self._secure, httponly=True, samesite="Lax"
        )
