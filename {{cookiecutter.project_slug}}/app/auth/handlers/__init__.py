"""What can be asked of accounts over HTTP, in JSON and by forms."""

from app.auth.handlers import login, mailbox, me, oidc, registration, sessions, tokens

ROUTES = [
    *registration.ROUTES,
    *login.ROUTES,
    *oidc.ROUTES,
    *me.ROUTES,
    *sessions.ROUTES,
    *tokens.ROUTES,
    *mailbox.ROUTES,
]
