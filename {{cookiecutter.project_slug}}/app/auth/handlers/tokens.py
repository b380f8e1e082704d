"""API tokens: made, seen, and revoked."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from tornado.web import HTTPError

from app.auth.handlers.base import AccountHandler, Naming, deletable
from app.auth.letters import told
from app.auth.models import ApiToken
from app.auth.revocations import Revocations
from app.auth.tokens import hashed, new_token
from app.database import Database, rows
from app.problems import Problem

MOST = 50
FIELDS = ("id", "name", "created_at", "last_used_at")
MADE = told("The API token “{name}” was made")


async def listed(session: AsyncSession, account_id: str) -> list[dict[str, Any]]:
    """The account's tokens, the newest first; what they are is not known any more."""
    query = select(*(getattr(ApiToken, field) for field in FIELDS))
    query = query.where(ApiToken.account_id == account_id).order_by(ApiToken.created_at.desc())
    return await rows(session, query)


class All(AccountHandler):
    page = "auth/token.html"
    recent = True

    async def get(self) -> None:
        async with self.application.get(Database).reading() as session:
            self.answer({"tokens": await listed(session, self.who.id)}, page=self.page)

    async def post(self) -> None:
        """Make one, and show it, this once."""
        await self.sparingly("token")
        name, token, mine = self.body(Naming).name, new_token(), ApiToken.account_id == self.who.id
        async with self.application.get(Database).writing() as session:
            if (await session.scalar(select(func.count()).where(mine)) or 0) >= MOST:
                raise Problem(409, "There are too many tokens. Revoke one first.")
            made = ApiToken(token_hash=hashed(token), account_id=self.who.id, name=name)
            session.add(made)
        self.record("token", "made", self.who.id)
        self.mail(self.who.name, MADE, name=name)
        self.set_status(201)
        self.answer({f: getattr(made, f) for f in FIELDS} | {"token": token}, page=self.page)


class One(AccountHandler):
    async def delete(self, token_id: str) -> None:
        which = ApiToken.id == token_id, ApiToken.account_id == self.who.id
        if not await self.application.get(Revocations).end(*which, of=ApiToken):
            raise HTTPError(404)
        self.record("token", "revoked", self.who.id)
        self.done("/auth/me", notice="The token is revoked.")


ROUTES = [("/auth/tokens", All), *deletable("/auth/tokens/([0-9a-f]{32})", One)]
