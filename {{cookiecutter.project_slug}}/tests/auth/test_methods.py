"""Methods: each path takes those that it names, and no others."""

import pytest

from tests.auth.authenticator import owner
from tests.conftest import Client


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("sessions", "GET, HEAD, DELETE"),
        ("sessions/delete", "POST"),
        (f"sessions/{'f' * 32}", "DELETE"),
        (f"sessions/{'f' * 32}/delete", "POST"),
        (f"tokens/{'f' * 32}", "DELETE"),
        (f"tokens/{'f' * 32}/delete", "POST"),
        (f"oidc/links/{'f' * 32}", "DELETE"),
        (f"oidc/links/{'f' * 32}/delete", "POST"),
        ("passkeys/x", "POST, DELETE"),
        ("passkeys/x/delete", "POST"),
        ("totp", "GET, HEAD, POST, DELETE"),
        ("totp/delete", "GET, HEAD, POST"),
    ],
)
async def test_each_path_takes_the_methods_that_it_names(
    client: Client, path: str, methods: str
) -> None:
    await owner(client)
    assert (await client.options(f"/auth/{path}")).headers["Allow"] == f"{methods}, OPTIONS"
    for method in {"GET", "HEAD", "POST", "DELETE"} - {*methods.split(", ")}:
        answer = await client.request(method, f"/auth/{path}")
        assert (answer.status_code, answer.headers["Allow"]) == (405, f"{methods}, OPTIONS")
