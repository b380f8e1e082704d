"""Whatever is sent to the routes of accounts, none of them fails."""

import json
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.conftest import clean_environment
from tests.probing import PASSWORD, PLAIN, log_in
from tests.processes import Started, started
from tests.servers import postgres

ROUTES = """
import json
from app import auth
print(json.dumps([path for path, _ in auth.ROUTES]))
"""
FIELDS = [
    *("email", "password", "remember", "code", "ticket", "token"),
    *("name", "current", "new", "next", "credential", "state"),
]
ENDING = {"/auth/logout", "/auth/me/delete"}
"""What would end the session that the test is about."""
JSON = {"Content-Type": "application/json"}
EMAIL = "ada@example.com"
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=60),
    st.sampled_from(
        [
            "",
            "\0",
            "a\0b@example.com",
            "é" * 300,
            "ada@",
            EMAIL,
            PASSWORD,
            "f" * 43,
            "9" * 6,
            "x" * 5000,
        ]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)
GOOD = {
    **dict.fromkeys(FIELDS, "f" * 43),
    **{"email": EMAIL, "password": PASSWORD, "current": PASSWORD, "new": PASSWORD},
    **{"code": "000000", "remember": True, "credential": {"id": "f", "response": {}}},
}
ODD: list[Any] = [None, "", "\0", "a\0b@x.org", "\ud800", "é" * 300, "x" * 5000, {}, [1], 1e99]
OBJECTS = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=9), VALUES, max_size=5)
BODIES = st.one_of(
    OBJECTS.map(lambda value: ("application/json", json.dumps(value).encode())),
    VALUES.map(lambda value: ("application/json", json.dumps(value).encode())),
    st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=60)).map(
        lambda fields: (
            "application/x-www-form-urlencoded",
            str(httpx.QueryParams(fields)).encode(),
        )
    ),
    st.tuples(
        st.sampled_from(
            ["application/json", "multipart/form-data; boundary=x", "text/plain", "", "x"]
        ),
        st.binary(max_size=90),
    ),
)


@pytest.fixture(scope="module")
def service(home: Path, python: Path) -> Iterator[Started]:
    """On PostgreSQL, which is the stricter of the two."""
    variables = {
        "PORT": "0",
        "LOG_FORMAT": "json",
        "AUTH_ATTEMPTS_PER_ACCOUNT": "0",
        "AUTH_ATTEMPTS_PER_ADDRESS": "0",
    }
    with postgres() as url:
        environment = clean_environment(**variables, DATABASE_URL=url)
        with started([str(python), "-m", "app"], home, environment) as service:
            yield service


@pytest.fixture(scope="module")
def paths(home: Path, python: Path) -> list[str]:
    """Each path of accounts, with ids where it has any."""
    said = subprocess.run(
        [str(python), "-c", ROUTES], cwd=home, check=True, capture_output=True, text=True
    )
    patterns = json.loads(said.stdout)
    return [path for path in map(ids, patterns) if path not in ENDING]


def ids(pattern: str) -> str:
    before, bracket, rest = pattern.partition("(")
    return f"{before}{'f' * 32}{ids(rest.partition(')')[2])}" if bracket else before


def taken(client: httpx.Client, path: str) -> list[str]:
    """The fields that the path says it takes, or else all that there are."""
    answer = client.get(path)
    said = answer.json() if answer.status_code == 200 else {}
    return said["fields"] if isinstance(said, dict) and "fields" in said else FIELDS


def test_no_odd_value_of_a_field_fails(service: Started, paths: list[str]) -> None:
    client = log_in(service, "eve@example.com")
    fields = [(path, name) for path in paths for name in taken(client, path)]
    for (path, name), value in product(fields, ODD):
        answer = client.post(path, content=json.dumps({**GOOD, name: value}), headers=JSON)
        assert answer.status_code < 500, (path, name, value, answer.text)
    assert client.get("/auth/me").status_code == 200


def test_no_request_fails(service: Started, paths: list[str]) -> None:
    known, unknown = log_in(service, EMAIL), httpx.Client(base_url=service.url, verify=PLAIN)

    @settings(
        max_examples=200,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        client=st.sampled_from([known, unknown]),
        method=st.sampled_from(["GET", "POST", "POST", "POST", "PUT", "PATCH", "DELETE"]),
        path=st.sampled_from(paths),
        query=st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=60), max_size=2),
        body=BODIES,
        accept=st.sampled_from(["text/html", "application/json", "*/*", ""]),
    )
    def send(
        client: httpx.Client,
        method: str,
        path: str,
        query: dict[str, str],
        body: tuple[str, bytes],
        accept: str,
    ) -> None:
        kind, content = body
        method = "GET" if (method, path) == ("DELETE", "/auth/me") else method
        headers = {"Content-Type": kind, "Accept": accept}
        answer = client.request(method, path, params=query, content=content, headers=headers)
        event(f"{answer.status_code}")
        assert answer.status_code < 500, (method, path, query, body, answer.text)

    send()
    assert known.get("/auth/me").status_code == 200, "it was logged in all the time"
    assert not [line for line in service.log if "unhandled error" in line or "Traceback" in line]
