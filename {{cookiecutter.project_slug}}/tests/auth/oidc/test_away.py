"""A provider that is away, slow or out of its mind costs a person a moment, and us nothing."""

import json

import httpx
import pytest

from app.oidc.provider import CAUTION
from tests.auth.oidc.provider import Provider, leave, log_in, settings
from tests.auth.oidc.refusing import forget, refused
from tests.auth.people import join
from tests.conftest import Client, Start

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
    monkeypatch.setattr("app.oidc.provider.PATIENCE_SECONDS", 0.3)
    async with start(**settings(provider)) as client:
        url = (await leave(client)).headers["Location"]
        provider.hangs = True
        await refused(client, 503, "slow", url)
    monkeypatch.setitem(CAUTION, "request_timeout", 0.1)
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
