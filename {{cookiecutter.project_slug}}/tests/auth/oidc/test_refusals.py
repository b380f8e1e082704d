"""What is refused: whatever is not this browser's login, told by this provider, now and for us."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey
from structlog.testing import capture_logs

from app.auth import oidc
from tests.auth.oidc.provider import Provider, Running, key, leave, log_in, settings
from tests.auth.people import is_logged_in, join
from tests.conftest import Client, Start


@pytest.fixture
async def other() -> AsyncIterator[Provider]:
    """A provider of somebody else's."""
    running = Running()
    yield running.provider
    await running.stop()


def forget(client: Client) -> None:
    """Make the service forget the provider's documents."""
    client.service.get(oidc.Providers)["one"]._kept.clear()


async def refused(client: Client, status: int, cause: str, url: str = "") -> None:
    """Coming back, or to this URL, nobody is let in, and the log tells why in one line."""
    with capture_logs() as logs:
        answer = await (client.get(url) if url else log_in(client))
    assert answer.status_code == status, answer.text
    assert "Set-Cookie" not in answer.headers or "session=" not in answer.headers["Set-Cookie"]
    assert not await is_logged_in(client)
    (entry,) = logs
    assert (entry["event"], entry["log_level"]) == ("provider", "info")
    assert cause in entry["outcome"]
    assert cause not in answer.text or cause == ""


async def test_a_state_that_is_wrong_or_missing(client: Client) -> None:
    url = (await leave(client)).headers["Location"]
    for path in (f"{url}x", url.replace("state=", "s=")):
        await refused(client, 400, "not this browser's", path)
    assert (await client.get(url)).status_code == 400, "the cookie was good once"


async def test_another_browser(client: Client) -> None:
    url = (await leave(client)).headers["Location"]
    client.cookies.clear()
    await refused(client, 400, "not this browser's", url)
    client.cookies.set("oidc", "f" * 43)
    await refused(client, 400, "not this browser's", url)


async def test_coming_back_twice(client: Client) -> None:
    url = (await leave(client)).headers["Location"]
    secret = client.cookies["oidc"]
    assert (await client.get(url)).status_code == 200
    await client.post("/auth/logout")
    client.cookies.set("oidc", secret)
    await refused(client, 400, "not this browser's", url)


async def test_what_was_begun_with_another_provider(
    start: Start, provider: Provider, other: Provider
) -> None:
    async with start(**settings(provider, other)) as client:
        url = (await leave(client)).headers["Location"]
        await refused(client, 400, "not this browser's", url.replace("/one/", "/two/"))


async def test_an_answer_that_is_mixed_up(client: Client, provider: Provider) -> None:
    provider.returned = {"iss": "https://evil.example"}
    await refused(client, 403, "another issuer")
    assert "/token" not in provider.asked
    provider.returned = {"iss": provider.url}
    assert (await log_in(client)).status_code == 200


async def test_an_issuer_that_is_announced_but_missing(client: Client, provider: Provider) -> None:
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    await refused(client, 403, "another issuer")


async def test_who_declines_at_the_provider(client: Client, provider: Provider) -> None:
    provider.returned = {"error": "access_denied\nlogin ok " + "x" * 500}
    await refused(client, 403, "access_denied login ok x")
    assert "/token" not in provider.asked


async def test_a_code_for_another_verifier(client: Client, provider: Provider) -> None:
    url = (await leave(client)).headers["Location"]
    provider.wanted["code-0"]["code_challenge"] = "f" * 43
    await refused(client, 403, "/token: 400 invalid_grant", url)


async def test_a_wrong_secret_of_ours_is_named_in_the_log(start: Start, provider: Provider) -> None:
    async with start(**settings(provider, client_secret="wrong")) as client:
        await refused(client, 403, "/token: 401 invalid_client")


PAST, FUTURE = int(time.time()) - 120, int(time.time()) + 120


LIES: list[tuple[dict[str, Any], str]] = [
    ({"iss": "https://evil.example"}, "iss"),
    ({"iss": None}, "iss"),
    ({"aud": "somebody else"}, "aud"),
    ({"aud": ["somebody else"]}, "aud"),
    ({"aud": None}, "aud"),
    ({"aud": ["us & them", "somebody else"]}, "azp"),
    ({"azp": "somebody else"}, "azp"),
    ({"exp": PAST}, "expired"),
    ({"exp": None}, "exp"),
    ({"exp": "soon"}, "exp"),
    ({"iat": FUTURE + 60}, "future"),
    ({"iat": None}, "iat"),
    ({"nbf": FUTURE}, "not yet valid"),
    ({"nonce": "another"}, "nonce"),
    ({"nonce": None}, "nonce"),
    ({"sub": None}, "sub"),
    ({"sub": ""}, "sub"),
    ({"sub": "a" * 256}, "sub"),
    ({"sub": "a\0"}, "sub"),
    ({"sub": 7}, "sub"),
]
ODD: list[dict[str, Any]] = [
    {"aud": ["us & them", "somebody else"], "azp": "us & them"},
    {"exp": PAST + 100},
    {"iat": FUTURE - 100, "nbf": FUTURE - 100},
]


async def test_a_token_that_is_not_for_us_or_not_for_now(
    client: Client, provider: Provider
) -> None:
    for claims, cause in LIES:
        provider.claims = claims
        await refused(client, 403, cause)
    for claims in ODD:
        provider.claims = claims
        assert (await log_in(client)).status_code == 200, claims


def unsigned(provider: Provider) -> None:
    provider.header = {"alg": "none"}


def signed_with_the_public_key(provider: Provider) -> None:
    provider.header = {"alg": "HS256", "kid": "1"}
    provider.signs_with = key("1").as_pem(private=False)


def signed_with_the_secret(provider: Provider) -> None:
    provider.header = {"alg": "HS256", "kid": "1"}
    provider.signs_with = OctKey.import_key("a secret: of ours")


def signed_by_somebody_else(provider: Provider) -> None:
    provider.signs_with = key("2")


def signed_with_a_key_that_it_brings(provider: Provider) -> None:
    provider.signs_with = key("2")
    provider.header |= {"jwk": key("2").as_dict(private=False)}


def signed_in_a_way_that_is_not_announced(provider: Provider) -> None:
    provider.metadata = {"id_token_signing_alg_values_supported": ["RS256"]}


def signed_though_no_good_way_is_announced(provider: Provider) -> None:
    provider.metadata = {"id_token_signing_alg_values_supported": ["HS256", "none"]}


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_a_token_that_is_not_signed_by_the_provider(
    client: Client, provider: Provider
) -> None:
    honest = dict(vars(provider))
    for lie in (
        unsigned,
        signed_with_the_public_key,
        signed_with_the_secret,
        signed_by_somebody_else,
        signed_with_a_key_that_it_brings,
        signed_in_a_way_that_is_not_announced,
        signed_though_no_good_way_is_announced,
    ):
        vars(provider).update(honest, header={"alg": "ES256", "kid": "1"}, metadata={})
        lie(provider)
        forget(client)
        await refused(client, 403, "ID token")


async def test_a_new_key_is_fetched_but_not_at_every_turn(
    client: Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await log_in(client)).status_code == 200
    provider.header, provider.signs_with = {"alg": "ES256", "kid": "2"}, key("2")
    provider.published = ["1", "2"]
    await client.post("/auth/logout")
    await refused(client, 403, "key")
    assert provider.asked.count("/keys") == 1
    monkeypatch.setattr(oidc, "UNKNOWN_KEY_SECONDS", 0.0)
    assert (await log_in(client)).status_code == 200
    assert provider.asked.count("/keys") == 2
    assert provider.asked.count("/.well-known/openid-configuration") == 1


GARBAGE = [
    b"<html>",
    b"[]",
    b"null",
    b"\xff",
    b"[" * 100_000,
    b'{"keys": 1, "id_token": 1, "issuer": 1}',
    b'{"keys": [{"kty": "EC"}], "id_token": "a.b"}',
    b'{"keys": [[]], "id_token": {}}',
]


async def test_garbage_is_no_fault_of_ours(client: Client, provider: Provider) -> None:
    for body in GARBAGE:
        for answer in (
            await first_asked_then(client, provider, body),
            await asked_later(client, provider, body),
        ):
            assert answer.status_code in (403, 503), answer.text
    provider.body = None
    assert (await log_in(client)).status_code == 200


async def first_asked_then(client: Client, provider: Provider, body: bytes) -> httpx.Response:
    """The answer to who wants to go to a provider that was not asked anything yet."""
    forget(client)
    provider.body = body
    return await client.post("/auth/oidc/one", json={})


async def asked_later(client: Client, provider: Provider, body: bytes) -> httpx.Response:
    """The answer to who comes back, when the provider has become odd meanwhile."""
    provider.body = None
    url = (await leave(client)).headers["Location"]
    provider.body = body
    return await client.get(url)


async def test_a_provider_that_is_away_or_slow_is_waited_for_in_bounded_time(
    start: Start, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {"one": {"issuer": "http://localhost:1", "client_id": "a", "client_secret": "b"}}
    async with start(OIDC_PROVIDERS=json.dumps(away)) as client:
        await join(client)
        answer = await client.post("/auth/oidc/one", json={})
        assert (answer.status_code, "does not answer" in answer.text) == (503, True)
    monkeypatch.setattr(oidc, "PATIENCE_SECONDS", 0.3)
    async with start(**settings(provider)) as client:
        url = (await leave(client)).headers["Location"]
        provider.hangs = True
        await refused(client, 503, "slow", url)
    monkeypatch.setitem(oidc.CAUTION, "request_timeout", 0.1)
    async with start(**settings(provider)) as client:
        assert (await client.post("/auth/oidc/one", json={})).status_code == 503


async def test_a_discovery_document_that_leads_elsewhere_or_has_no_end(
    client: Client, provider: Provider
) -> None:
    for metadata in (
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"padding": "x" * 300_000},
    ):
        provider.metadata = metadata
        assert (await client.post("/auth/oidc/one", json={})).status_code == 503
