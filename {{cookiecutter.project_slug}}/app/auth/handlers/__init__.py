"""What can be asked of accounts over HTTP, in JSON and by forms."""

from app.auth.handlers import deletion, email, login, mailbox, me, password, registration

MODULES = (registration, login, password, email, me, deletion, mailbox)
ROUTES = [route for module in MODULES for route in module.ROUTES]
