"""What can be asked of accounts over HTTP, in JSON and by forms."""

from app.auth.handlers import (
    login,
    mailbox,
    me,
    oidc,
    passkeys,
    password,
    registration,
    sessions,
    tokens,
    totp,
)

MODULES = (me, registration, login, password, totp, passkeys, oidc, sessions, tokens, mailbox)
"""That which is asked for most is found first."""
ROUTES = [route for module in MODULES for route in module.ROUTES]
