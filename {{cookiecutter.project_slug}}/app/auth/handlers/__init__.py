"""What can be asked of accounts over HTTP, in JSON and by forms."""

from app.auth.handlers import login, mailbox, me, registration, sessions, tokens

ROUTES = [
    *registration.ROUTES,
    *login.ROUTES,
    *me.ROUTES,
    *sessions.ROUTES,
    *tokens.ROUTES,
    *mailbox.ROUTES,
]
