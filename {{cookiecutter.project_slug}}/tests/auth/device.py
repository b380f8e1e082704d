"""An authenticator of the tests' own: it does what it is asked, or what a test sets it to."""

import json
import secrets
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import text
from webauthn.helpers import bytes_to_base64url, encode_cbor

from app.auth.models import Account
from app.auth.sessions import Sessions
from app.database import Database
from tests.auth.people import EMAIL, hold
from tests.conftest import Client

PRESENT, VERIFIED, KEY_INCLUDED = 1, 4, 64
Json = dict[str, Any]


class Authenticator:
    """A device with one key (WebAuthn Level 3, 6 and 7)."""

    def __init__(self, client: Client, count: int = 1) -> None:
        self.origin, self.framed = client.service.config.origin, False
        self.host = urlsplit(self.origin).hostname or ""
        self.flags, self.count = PRESENT | VERIFIED, count
        self.id, self.key = secrets.token_bytes(16), ec.generate_private_key(ec.SECP256R1())
        self.handle = ""

    def make(self, options: Json) -> Json:
        """The answer to `navigator.credentials.create`."""
        self.handle = options["user"]["id"]
        point = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
        key = encode_cbor({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        about = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + key
        made = {"fmt": "none", "attStmt": {}, "authData": self._data(KEY_INCLUDED) + about}
        client_data = self._client_data("webauthn.create", options["challenge"])
        return self._answer(clientDataJSON=client_data, attestationObject=encode_cbor(made))

    def sign(self, options: Json) -> Json:
        """The answer to `navigator.credentials.get`."""
        self.count += bool(self.count)  # those of many places do not count
        data, client_data = self._data(), self._client_data("webauthn.get", options["challenge"])
        signed = data + sha256(client_data).digest()
        answer = self._answer(
            clientDataJSON=client_data,
            authenticatorData=data,
            signature=self.key.sign(signed, ec.ECDSA(SHA256())),
        )
        answer["response"]["userHandle"] = self.handle
        return answer

    def _data(self, more: int = 0) -> bytes:
        flags, count = bytes([self.flags | more]), self.count.to_bytes(4, "big")
        return sha256(self.host.encode()).digest() + flags + count

    def _client_data(self, kind: str, challenge: str) -> bytes:
        data = {"type": kind, "challenge": challenge, "origin": self.origin}
        return json.dumps(data | {"crossOrigin": self.framed}).encode()

    def _answer(self, **parts: bytes) -> Json:
        id = bytes_to_base64url(self.id)
        response = {name: bytes_to_base64url(part) for name, part in parts.items()}
        return {"type": "public-key", "id": id, "rawId": id, "response": response}


async def sql(client: Client, query: str) -> None:
    async with client.service.get(Database).writing() as session:
        await session.execute(text(query))


async def enter(client: Client, email: str = EMAIL) -> str:
    """Be somebody new, who has logged in; the id of their account."""
    async with client.service.get(Database).writing() as session:
        account = Account(email=email, password_hash="of a password")
        session.add(account)
    token = await client.service.get(Sessions).start(account, False, "", "")
    assert token
    hold(client, token)
    return account.id


async def options(client: httpx.AsyncClient, path: str = "") -> Json:
    answer = await client.post(f"/auth/passkeys{path}/options", json={})
    assert answer.status_code == 200
    return dict(answer.json())


async def add(client: httpx.AsyncClient, device: Authenticator, **more: Any) -> httpx.Response:
    """Add the device's key to the account of who has logged in."""
    made = {"credential": device.make(await options(client))}
    return await client.post("/auth/passkeys", json=made | more)


async def with_a_passkey(client: Client, count: int = 1) -> Authenticator:
    """Be somebody new, who has added this authenticator's key."""
    await enter(client)
    device = Authenticator(client, count)
    assert (await add(client, device)).status_code == 201
    return device


async def use(client: httpx.AsyncClient, device: Authenticator, **more: Any) -> httpx.Response:
    """Log in with the device."""
    return await prove(client, device.sign(await options(client, "/login")), **more)


async def prove(
    client: httpx.AsyncClient, answer: Any, ticket: str = "", **more: Any
) -> httpx.Response:
    """Send this answer, with the ticket of another challenge if one is named."""
    headers = {"Cookie": f"passkey={ticket}"} if ticket else {}
    sent = {"credential": answer} | more
    return await client.post("/auth/passkeys/login", json=sent, headers=headers)


async def listed(client: httpx.AsyncClient) -> list[Json]:
    return list((await client.get("/auth/passkeys")).json()["passkeys"])
