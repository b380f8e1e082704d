"""The job that deletes what has expired."""

import pytest

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


async def test_what_fails_does_not_keep_the_others_from_being_cleaned_up(client: Client) -> None:
    cleaned = []

    async def fail() -> None:
        raise ZeroDivisionError("on purpose")

    async def clean() -> None:
        cleaned.append("sessions")

    client.service.housekeeping[:] = [fail, clean, fail]
    with pytest.raises(ExceptionGroup) as failed:
        await delete_expired(client.service)
    assert len(failed.value.exceptions) == 2
    assert cleaned == ["sessions"]


async def test_accounts_have_something_that_expires(client: Client) -> None:
    assert client.service.housekeeping
