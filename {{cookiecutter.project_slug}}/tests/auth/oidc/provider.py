"""A provider (OpenID Connect) for the tests: honest, but for what a test makes it lie about."""

import asyncio
import hmac
import json
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from joserfc.jws import JWSRegistry
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tests.conftest import Client

CLIENT, SECRET = "us & them", "a secret: of ours"
"""What must be encoded to be a user name and password (RFC 6749, 2.3.1)."""


@cache
def key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid})


@dataclass
class Provider:
    """What it says of whom it has let in last, and how it says so."""

    url: str
    claims: dict[str, Any] = field(default_factory=dict)
    """Instead of what is right; None leaves a claim out."""
    metadata: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "ES256", "kid": "1"})
    signs_with: ECKey | OctKey | bytes = field(default_factory=lambda: key("1"))
    published: list[str] = field(default_factory=lambda: ["1"])
    returned: dict[str, str] = field(default_factory=dict)
    """What comes back with the browser, besides the code and the state."""
    body: bytes | None = None
    """What each document is instead."""
    hangs: bool = False
    asked: list[str] = field(default_factory=list)
    wanted: dict[str, dict[str, str]] = field(default_factory=dict)
    """What each code was given out for."""

    def document(self) -> dict[str, Any]:
        right = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?theme=dark",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
        }
        return right | self.metadata

    def id_token(self, nonce: str) -> str:
        moment = int(time.time())
        right = {
            "iss": self.url,
            "sub": "ada-1",
            "aud": CLIENT,
            "exp": moment + 300,
            "iat": moment,
            "nonce": nonce,
            "email": "ada@example.com",
            "email_verified": True,
        }
        claims = {name: v for name, v in (right | self.claims).items() if v is not None}
        if isinstance(self.signs_with, bytes):  # what the library would not sign with
            text = ".".join(base64(json.dumps(part).encode()) for part in (self.header, claims))
            return f"{text}.{base64(hmac.digest(self.signs_with, text.encode(), 'sha256'))}"
        registry = JWSRegistry(algorithms=["ES256", "HS256", "none"])
        return jwt.encode(self.header, claims, self.signs_with, registry=registry)


class Document(RequestHandler):
    """All that the provider answers."""

    def initialize(self, provider: Provider) -> None:
        self.provider = provider

    async def prepare(self) -> None:
        self.provider.asked.append(self.request.path)
        if self.provider.hangs:
            await asyncio.sleep(60)
        if self.provider.body is not None and "authorize" not in self.request.path:
            self.finish(self.provider.body)

    def log_exception(self, *error: Any) -> None:
        """Say nothing."""


class Discovery(Document):
    def get(self) -> None:
        self.finish(self.provider.document())


class Keys(Document):
    def get(self) -> None:
        self.finish({"keys": [key(kid).as_dict(private=False) for kid in self.provider.published]})


class Authorize(Document):
    def get(self) -> None:
        """Let the person in who asks, whoever it is."""
        wanted = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        assert wanted["response_type"] == "code"
        assert wanted["client_id"] == CLIENT
        assert "openid" in wanted["scope"].split()
        assert wanted["code_challenge_method"] == "S256"
        code = f"code-{len(self.provider.wanted)}"
        self.provider.wanted[code] = wanted
        back = {"code": code, "state": wanted["state"]} | self.provider.returned
        self.redirect(f"{wanted['redirect_uri']}?{urlencode(back)}")


class Token(Document):
    def post(self) -> None:
        """Give the token for what was asked for, once, to who has asked."""
        given = {name: self.get_body_argument(name) for name in self.request.body_arguments}
        wanted = self.provider.wanted.pop(given["code"], {})
        kept = wanted.get("redirect_uri"), wanted.get("code_challenge")
        if not self.is_client(given):
            self.refuse(401, "invalid_client")
        elif kept != (given["redirect_uri"], challenge(given["code_verifier"])):
            self.refuse(400, "invalid_grant")
        else:
            self.finish({"id_token": self.provider.id_token(wanted["nonce"])})

    def is_client(self, given: dict[str, str]) -> bool:
        if "client_secret_post" in self.provider.metadata.get(
            "token_endpoint_auth_methods_supported", []
        ):
            return (given["client_id"], given["client_secret"]) == (CLIENT, SECRET)
        basic = httpx.BasicAuth("us+%26+them", "a+secret%3A+of+ours")._auth_header
        return self.request.headers["Authorization"] == basic

    def refuse(self, status: int, error: str) -> None:
        self.set_status(status)
        self.finish(json.dumps({"error": error, "error_description": "no"}))


def challenge(verifier: str) -> str:
    return base64(sha256(verifier.encode()).digest())


def base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def quiet(handler: RequestHandler) -> None:
    """Log no answer."""


class Running:
    """The provider on a real socket."""

    def __init__(self) -> None:
        sockets = bind_sockets(0, "127.0.0.1")
        self.provider = Provider(f"http://127.0.0.1:{sockets[0].getsockname()[1]}")
        paths = {
            "/.well-known/openid-configuration": Discovery,
            "/keys": Keys,
            "/authorize": Authorize,
            "/token": Token,
        }
        routes = [(path, kind, {"provider": self.provider}) for path, kind in paths.items()]
        self.server = HTTPServer(Application(routes, log_function=quiet))
        self.server.add_sockets(sockets)

    async def stop(self) -> None:
        self.server.stop()
        await self.server.close_all_connections()


def settings(*providers: Provider, **more: str) -> dict[str, str]:
    """The environment of a service with these providers, called `one`, `two` …"""
    names = ("one", "two")
    known = {
        name: {"issuer": each.url, "client_id": CLIENT, "client_secret": SECRET} | more
        for name, each in zip(names, providers, strict=False)
    }
    return {"OIDC_PROVIDERS": json.dumps(known)}


async def leave(client: Client, path: str = "/auth/oidc/one", **given: Any) -> httpx.Response:
    """Go to the provider and be let in there; the answer that leads back."""
    answer = await client.post(path, json=given)
    assert answer.status_code == 200, answer.text
    return await client.get(answer.json()["url"])


async def log_in(client: Client, path: str = "/auth/oidc/one", **given: Any) -> httpx.Response:
    """Go to the provider, be let in there, and come back."""
    return await client.get((await leave(client, path, **given)).headers["Location"])
