"""Notices: what the next page says once, carried there by a signed cookie."""

from app.handlers import Guarded

COOKIE = "notice"
SECONDS = 60
"""The redirect is followed at once; a notice that found no page by then is stale."""


def leave(handler: Guarded, text: str) -> None:
    """Let the next page show this English text in its reader's language."""
    handler.set_signed_cookie(
        COOKIE,
        text,
        expires_days=None,
        max_age=SECONDS,
        httponly=True,
        samesite="Lax",
        secure=handler.application.config.https,
    )


def waiting(handler: Guarded) -> str | None:
    """The notice that was left for this page, translated."""
    text = handler.get_signed_cookie(COOKIE, max_age_days=1)
    return handler.locale.translate(text.decode()) if text else None


def shown(handler: Guarded) -> None:
    if handler.get_cookie(COOKIE) is not None:
        handler.clear_cookie(COOKIE)
