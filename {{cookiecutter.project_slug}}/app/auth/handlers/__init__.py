"""What can be asked of accounts over HTTP, in JSON and by forms."""

from app.auth.handlers import login, mailbox, me, registration, totp

ROUTES = [*registration.ROUTES, *login.ROUTES, *me.ROUTES, *totp.ROUTES, *mailbox.ROUTES]
