"""Passkeys: keys of authenticators that prove who somebody is, without a password (WebAuthn)."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_client_data_json

from app.auth.models import Account, Passkey
from app.auth.sessions import Person
from app.auth.tokens import hashed, issue, redeem
from app.database import Database, now, rows

if TYPE_CHECKING:
    from app.service import Service

MOST = 20
WITHIN = timedelta(minutes=5)
ALGORITHMS = (-8, -7, -257)
"""EdDSA, ES256 and RS256 in COSE's numbers: there is no authenticator without one of them."""
ID = re.compile(r"[A-Za-z0-9_-]{22,1364}\Z")
"""16 to 1023 bytes in base64url (WebAuthn Level 3, 4 and 7.1)."""

V = TypeVar("V")
Answer = dict[str, Any]
"""What an authenticator has answered, as `PublicKeyCredential.toJSON` writes it."""
Offer = tuple[str, dict[str, Any]]
"""The ticket for the browser that asks, and the options for its `navigator.credentials`."""

log = structlog.get_logger()


class Refused(Exception):
    """An answer that proves nothing."""


class Copied(Refused):
    """A good answer whose counter has gone back: the key may be in a second authenticator."""

    def __init__(self, account: Account, passkey: Passkey) -> None:
        self.account, self.passkey = account, passkey


class Passkeys:
    """What authenticators are asked, and what their answers prove."""

    def __init__(self, service: "Service") -> None:
        self._database, self._name = service.get(Database), service.name
        self._origin = service.config.origin
        self._host = urlsplit(self._origin).hostname or ""

    async def offer_to_add(self, person: Person) -> Offer | None:
        """Ask for a new key; None for a person who has as many as can be."""
        async with self._database.writing() as session:
            known = await listed(session, person.id)
            ticket, options = self._offer(session, "passkey_add", person.id)
        options |= {
            "rp": {"id": self._host, "name": self._name},
            "user": {"id": _handle(person.id), "name": person.name, "displayName": person.name},
            "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in ALGORITHMS],
            "authenticatorSelection": {"residentKey": "required", "userVerification": "required"},
            "excludeCredentials": [{"type": "public-key", "id": key["id"]} for key in known],
            "attestation": "none",
        }
        return (ticket, options) if len(known) < MOST else None

    async def add(self, person: Person, ticket: str, answer: Answer, name: str) -> Passkey:
        """Keep the key that was made; raises `Refused`."""
        if await self._redeem("passkey_add", ticket) != person.id:
            raise Refused("a challenge of somebody else")
        made = self._verify(verify_registration_response, ticket, answer)
        key = {"public_key": made.credential_public_key, "sign_count": made.sign_count}
        id = _id(bytes_to_base64url(made.credential_id))
        passkey = Passkey(id=id, account_id=person.id, name=name, **key)
        try:
            async with self._database.writing() as session:
                await session.get_one(Account, person.id, with_for_update=True)
                if len(await listed(session, person.id)) >= MOST:
                    raise Refused("one too many")
                session.add(passkey)
        except IntegrityError:
            raise Refused("known already") from None
        return passkey

    async def offer_to_log_in(self) -> Offer:
        """Ask for an answer of any key: the authenticator knows which are for us."""
        async with self._database.writing() as session:
            ticket, options = self._offer(session, "passkey_login")
        return ticket, options | {"rpId": self._host, "userVerification": "required"}

    async def authenticate(self, ticket: str, answer: Answer) -> Account:
        """The account whose key has answered, which may be disabled; raises `Refused`."""
        await self._redeem("passkey_login", ticket)
        async with self._database.writing() as session:
            passkey = await session.get(Passkey, _id(answer.get("id")), with_for_update=True)
            if passkey is None:
                raise Refused("unknown")
            known = {
                "credential_public_key": passkey.public_key,
                "credential_current_sign_count": 0,  # else it is compared before the signature
            }
            used = self._verify(verify_authentication_response, ticket, answer, **known)
            if answer["response"].get("userHandle") != _handle(passkey.account_id):
                raise Refused("a key of somebody else")
            account = await session.get_one(Account, passkey.account_id)
            if good := used.new_sign_count > passkey.sign_count or passkey.sign_count == 0:
                passkey.sign_count, passkey.last_used_at = used.new_sign_count, now()
        if not good:
            raise Copied(account, passkey)
        return account

    def _offer(self, session: AsyncSession, purpose: str, subject: str = "") -> Offer:
        ticket = issue(session, purpose, subject, WITHIN)
        milliseconds = WITHIN // timedelta(milliseconds=1)
        return ticket, {
            "challenge": bytes_to_base64url(_challenge(ticket)),
            "timeout": milliseconds,
        }

    async def _redeem(self, purpose: str, token: str) -> str:
        """The ticket's subject. It is used up from here on, whatever the answer is worth."""
        async with self._database.writing() as session:
            ticket = await redeem(session, purpose, token)
        if ticket is None:
            raise Refused("no challenge")
        return ticket.subject

    def _verify(self, verify: Callable[..., V], ticket: str, answer: Answer, **known: Any) -> V:
        """What the library finds; whatever it stumbles over proves nothing."""
        try:
            data = base64url_to_bytes(answer["response"]["clientDataJSON"])
            if parse_client_data_json(data).cross_origin:
                raise Refused("asked for in another site's frame")
            return verify(
                credential=answer,
                expected_challenge=_challenge(ticket),
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
                **known,
            )
        except Exception as error:
            log.info("passkey refused", reason=str(error)[:200])
            raise Refused from error


async def listed(session: AsyncSession, account_id: str) -> list[dict[str, Any]]:
    """The account's passkeys as their owner sees them, the oldest first."""
    one = Passkey
    query = select(one.id, one.name, one.created_at, one.last_used_at)
    return await rows(session, query.where(one.account_id == account_id).order_by(one.created_at))


def _challenge(ticket: str) -> bytes:
    """What is signed: who sees an answer does not have the ticket that goes with it."""
    return hashed(ticket).encode()


def _handle(account_id: str) -> str:
    return bytes_to_base64url(account_id.encode())


def _id(text: Any) -> str:
    if not ID.match(str(text)):
        raise Refused("no id of a credential")
    return str(text)
