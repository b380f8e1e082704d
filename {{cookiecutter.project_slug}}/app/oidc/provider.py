"""A provider (OpenID Connect): what it announces, and who it says has logged in."""

import asyncio
import hmac
import re
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson
from joserfc import jwt
from joserfc.errors import InvalidClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64encode
from pydantic import AfterValidator, BaseModel
from tornado.httpclient import HTTPClientError
from tornado.httputil import url_concat
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from app.oidc.configuration import WELL_KNOWN, OidcProvider, secure
from app.problems import Problem

T = TypeVar("T")
Url = Annotated[str, AfterValidator(secure)]

KEPT_SECONDS = 3600.0
UNKNOWN_KEY_SECONDS = 10.0
"""How old keys must be to be fetched again for one that is not among them."""
PATIENCE_SECONDS = 5.0
"""How long a person waits for the provider, however many documents are needed."""
CAUTION = {"request_timeout": PATIENCE_SECONDS, "follow_redirects": False}
CAUTION |= {"decompress_response": False}  # what is packed could be of any size
ASYMMETRIC = {f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)}
ASYMMETRIC |= {"EdDSA", "Ed25519"}
SUBJECT = re.compile(r"[ -~]{1,255}\Z")
ERROR = re.compile(rb'"error"\s*:\s*"([a-z_]{1,40})"')
AWAY = 503, "The provider does not answer. Try again soon."
UNTRUSTED = 403, "The provider's answer is not good for a login. Begin again."


class Failure(Problem):
    """Nobody is let in: a person is told what to do, and the log the cause."""

    def __init__(self, status: int, detail: str, cause: str) -> None:
        super().__init__(status, detail)
        self.cause = " ".join(cause.split())[:200]  # on one line, whoever has said it


class Metadata(BaseModel):
    """What we need of the discovery document (OpenID Connect Discovery 1.0, 3)."""

    issuer: str
    authorization_endpoint: Url
    token_endpoint: Url
    jwks_uri: Url
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]
    id_token_signing_alg_values_supported: list[str] = ["RS256"]
    authorization_response_iss_parameter_supported: bool = False


def derived(secret: str, purpose: str) -> str:
    """A value of the browser's secret: so the database need not have it, nor the secret."""
    return urlsafe_b64encode(hmac.digest(secret.encode(), purpose.encode(), "sha256")).decode()


class Provider:
    """One provider, asked when it is needed: the service starts without it."""

    def __init__(self, name: str, settings: OidcProvider, origin: str) -> None:
        self.title = settings.title or name.capitalize()
        self.settings, self._redirect_uri = settings, f"{origin}/auth/oidc/{name}/callback"
        self._kept: dict[str, tuple[float, Any]] = {}
        self.client = SimpleAsyncHTTPClient(
            True, max_clients=100, max_body_size=2**18, defaults=CAUTION
        )

    async def url(self, state: str, secret: str) -> str:
        """Where to send the browser that keeps this secret; raises `Failure`."""
        challenge = sha256(derived(secret, "verifier").encode()).digest()
        wanted = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self.settings.scope,
            "state": state,
            "nonce": derived(secret, "nonce"),
            "code_challenge": urlsafe_b64encode(challenge).decode(),
            "code_challenge_method": "S256",
        }
        return url_concat((await self._metadata()).authorization_endpoint, wanted)

    async def claims(self, code: str, secret: str, issuer: str | None) -> dict[str, Any]:
        """What it says of the person who has come back, as this issuer says; raises `Failure`."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                metadata = await self._metadata()
                announced = metadata.authorization_response_iss_parameter_supported
                if issuer != metadata.issuer and (announced or issuer is not None):  # RFC 9207
                    raise Failure(*UNTRUSTED, "another issuer has answered")
                token = await self._exchange(metadata, code, derived(secret, "verifier"))
                claims = await self._signed(metadata, token)
                self._check(claims, metadata.issuer, derived(secret, "nonce"))
                return claims
        except TimeoutError:
            raise Failure(*AWAY, "too slow") from None
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Failure(*UNTRUSTED, f"ID token: {error}") from None

    async def _exchange(self, metadata: Metadata, code: str, verifier: str) -> str:
        us, secret = self.settings.client_id, self.settings.client_secret.get_secret_value()
        fields = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        fields["redirect_uri"] = self._redirect_uri
        options = {"method": "POST"}
        if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            # Encoded before they are encoded (RFC 6749, 2.3.1).
            options |= {"auth_username": quote_plus(us), "auth_password": quote_plus(secret)}
        else:
            fields |= {"client_id": us, "client_secret": secret}
        options["body"] = urlencode(fields)
        tokens = await self._fetch(metadata.token_endpoint, orjson.loads, **options)
        return str(tokens["id_token"])

    async def _signed(self, metadata: Metadata, token: str) -> dict[str, Any]:
        """What the token says, if a key of the provider's has signed it."""
        announced = ASYMMETRIC.intersection(metadata.id_token_signing_alg_values_supported)
        # Without any the library would take those of its own, HS256 among them.
        registry = JWSRegistry(algorithms=announced or {"RS256"}, strict_check_header=False)
        for seconds in (KEPT_SECONDS, UNKNOWN_KEY_SECONDS):
            keys = await self._document(metadata.jwks_uri, self._keys, seconds)
            with suppress(InvalidKeyIdError):
                return jwt.decode(token, keys, registry=registry).claims
        raise InvalidKeyIdError

    def _check(self, claims: dict[str, Any], issuer: str, nonce: str) -> None:
        """Whether it is for us, of now and of this login (OpenID Connect Core 1.0, 3.1.3.7)."""
        us = self.settings.client_id
        rules: Any = {name: {"essential": True} for name in ("iss", "sub", "aud", "exp", "iat")}
        rules["iss"]["value"], rules["aud"]["value"] = issuer, us
        jwt.JWTClaimsRegistry(leeway=60, **rules).validate(claims)
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else us) != us:
            raise InvalidClaimError("azp")
        if claims.get("nonce") != nonce or not SUBJECT.match(claims["sub"]):
            raise InvalidClaimError("nonce or sub")

    async def _metadata(self) -> Metadata:
        return await self._document(self.settings.issuer + WELL_KNOWN, self._discovered)

    def _discovered(self, document: bytes) -> Metadata:
        found = Metadata.model_validate_json(document)
        if found.issuer.rstrip("/") != self.settings.issuer:
            raise ValueError("another issuer's")
        return found

    def _keys(self, document: bytes) -> KeySet:
        return KeySet.import_key_set(orjson.loads(document))

    async def _document(
        self, url: str, read: Callable[[bytes], T], seconds: float = KEPT_SECONDS
    ) -> T:
        at, found = self._kept.get(url, (0.0, None))
        if found is None or time.monotonic() >= at + seconds:
            found = await self._fetch(url, read)
            self._kept[url] = time.monotonic(), found
        return cast(T, found)

    async def _fetch(self, url: str, read: Callable[[bytes], T], **options: Any) -> T:
        path = urlsplit(url).path
        try:
            return read((await self.client.fetch(url, **options)).body)
        except HTTPClientError as error:
            said = ERROR.search(error.response.body if error.response else b"")
            reason = f"{path}: {error.code} {said[1].decode() if said else error.message}"
            raise Failure(*(UNTRUSTED if 400 <= error.code < 500 else AWAY), reason) from None
        except Exception as error:  # whatever it is that it sends
            raise Failure(*AWAY, f"{path}: {type(error).__name__}") from None
