"""What is refused: whatever is not this browser's login, told by this provider, now and for us."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from joserfc.jwk import OctKey

from app.oidc import provider as oidc
from tests.auth.oidc.provider import Provider, Running, key, leave, log_in, settings
from tests.auth.oidc.refusing import forget, refused
from tests.conftest import Client, Start


@pytest.fixture
async def other() -> AsyncIterator[Provider]:
    """A provider of somebody else's."""
    running = Running()
    yield running.provider
    await running.stop()


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
