"""Nobody is let in: what that looks like from outside and in the log."""

from structlog.testing import capture_logs

from app.oidc import Providers
from tests.auth.oidc.provider import log_in
from tests.auth.people import is_logged_in, recorded
from tests.conftest import Client


def forget(client: Client) -> None:
    """Make the service forget the provider's documents."""
    client.service.get(Providers)["one"]._kept.clear()


async def refused(client: Client, status: int, cause: str, url: str = "") -> None:
    """Coming back, or to this URL, nobody is let in, and the log tells why in one line."""
    with capture_logs() as logs:
        answer = await (client.get(url) if url else log_in(client))
    assert answer.status_code == status, answer.text
    assert "Set-Cookie" not in answer.headers or "session=" not in answer.headers["Set-Cookie"]
    assert not await is_logged_in(client)
    (entry,) = recorded(logs)
    assert (entry["event"], entry["log_level"]) == ("provider", "info")
    assert cause in entry["outcome"]
    assert cause not in answer.text or cause == ""
