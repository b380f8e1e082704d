"""The job that deletes what has expired."""

from app.jobs.runner import Runner
from app.jobs.tasks.auth import delete_expired
from tests.conftest import Client
from tests.jobs.helpers import told


async def test_whatever_expires_is_cleaned_up_once_a_day(client: Client) -> None:
    cleaned = []

    async def clean() -> None:
        cleaned.append("sessions")

    client.service.housekeeping.append(clean)
    assert (await client.service.get(Runner).run(delete_expired)).status == "ok"
    assert cleaned == ["sessions"]
    assert (await told(client, "delete_expired"))["schedule"] == "30 3 * * *"


async def test_accounts_have_something_that_expires(client: Client) -> None:
    assert client.service.housekeeping
