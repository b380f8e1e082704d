"""The name under which somebody speaks."""

import secrets

from app.handlers import Guarded

DAYS = 30


def speaker(handler: Guarded) -> str:
    """Who asks, by name.

    Where nobody is told apart, everybody is a guest: they get a name, which a signed cookie
    keeps, so that it is the same in each room and after a reload, and nobody takes another's.
    """
    if handler.who.id:
        return handler.who.name
    secure = handler.application.config.https
    cookie = "__Host-guest" if secure else "guest"
    if known := handler.get_signed_cookie(cookie, max_age_days=DAYS):
        return known.decode()
    name = f"guest-{secrets.token_hex(3)}"
    handler.set_signed_cookie(
        cookie, name, expires_days=DAYS, httponly=True, samesite="Lax", secure=secure
    )
    return name
