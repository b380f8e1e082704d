"""What can be asked of accounts over HTTP, in JSON and by forms."""

from app.auth.handlers import (
    deletion,
    email,
    login,
    mailbox,
    me,
    password,
    registration,
    sessions,
    tokens,
)

MODULES = (registration, login, password, email, me, deletion, sessions, tokens, mailbox)
ROUTES = [route for module in MODULES for route in module.ROUTES]
