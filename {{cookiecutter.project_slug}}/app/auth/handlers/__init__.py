"""What can be asked of accounts over HTTP, in JSON and by forms."""

from app.auth.handlers import login, mailbox, me, passkeys, registration

ROUTES = [*registration.ROUTES, *login.ROUTES, *me.ROUTES, *mailbox.ROUTES, *passkeys.ROUTES]
