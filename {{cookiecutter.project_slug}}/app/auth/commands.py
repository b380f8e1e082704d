"""The command `user`: what operators do with accounts."""

import sys
from typing import TYPE_CHECKING

from sqlalchemy import select

from app import telemetry
from app.auth.accounts import find
from app.auth.handlers.base import address_or_not
from app.auth.models import Account, ApiToken, Session
from app.auth.revocations import Revocations
from app.database import Database, Unavailable, now

if TYPE_CHECKING:
    from app.service import Service

USAGE = "usage: user list, or user disable|enable|delete EMAIL"
EX_USAGE = 64
"""sysexits.h: the command was used in a wrong way."""


async def user(service: "Service", arguments: list[str]) -> int:
    """List the accounts; disable, enable or delete one: user disable EMAIL."""
    telemetry.configure(service.config.model_copy(update={"log_level": "CRITICAL"}))
    async with service.running():
        try:
            match arguments:
                case ["list"]:
                    return await _list(service)
                case ["disable" | "enable" | "delete" as action, email]:
                    return await _change(service, action, address_or_not(email))
        except Unavailable as error:
            return _wrong(f"the database does not answer: {error}", 1)
    return _wrong(USAGE, EX_USAGE)


def _wrong(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


async def _list(service: "Service") -> int:
    async with service.get(Database).reading() as session:
        for account in await session.scalars(select(Account).order_by(Account.email)):
            state = "disabled" if account.disabled_at else "active"
            print(f"{account.email}\t{state}\tsince {account.created_at:%Y-%m-%d}\t{account.id}")
    return 0


async def _change(service: "Service", action: str, email: str) -> int:
    """Change the account and end all that acts for it: running processes hear it in a second."""
    async with service.get(Database).reading() as session:
        account = await find(session, email)
    if account is None:
        return _wrong(f"there is no account of {email}", 1)
    which = Account.id == account.id
    async with service.get(Revocations).ending(which, Session, ApiToken) as session:
        account = await session.get_one(Account, account.id)
        if action == "delete":
            await session.delete(account)
        elif action == "enable":
            account.disabled_at = None
        else:
            account.disabled_at = account.disabled_at or now()
    print(f"{email}: {action}d")
    return 0


COMMANDS = {"user": user}
