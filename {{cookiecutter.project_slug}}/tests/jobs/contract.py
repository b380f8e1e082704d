"""What every ledger promises, whatever it runs on."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.jobs.ledger import LeaseLost, Ledger, Outcome, Overlap, Record

TICK = datetime(2024, 1, 1, 12, 0, 0, 200_000, tzinfo=UTC)
Pair = tuple[Ledger, Ledger]
"""The ledgers of two processes, which may be one and the same."""


class LedgerContract:
    """Derive from it a `Test…` class with a fixture `ledgers`."""

    async def test_a_tick_is_claimed_once(self, ledgers: Pair) -> None:
        claims = [ledgers[n % 2].claim("job", TICK) for n in range(10)]
        assert sum(await asyncio.gather(*claims)) == 1

    async def test_ticks_and_jobs_are_claimed_apart(self, ledgers: Pair) -> None:
        first, second = ledgers
        later = TICK + timedelta(microseconds=1)
        for job, tick in (("job", TICK), ("job", later), ("other", TICK)):
            assert await first.claim(job, tick)
            assert not await second.claim(job, tick)

    async def test_a_lease_keeps_others_out_until_it_ends(self, ledgers: Pair) -> None:
        first, second = ledgers
        async with first.lease("job"), second.lease("other"):
            for ledger in ledgers:
                with pytest.raises(Overlap):
                    await ledger.lease("job").__aenter__()
        async with second.lease("job"):
            pass

    @pytest.mark.parametrize("error", [ZeroDivisionError, TimeoutError, asyncio.CancelledError])
    async def test_a_lease_ends_with_an_error_too(
        self, ledgers: Pair, error: type[BaseException]
    ) -> None:
        with pytest.raises(error):
            async with ledgers[0].lease("job"):
                raise error
        async with ledgers[1].lease("job"):
            pass

    async def test_each_lease_has_a_greater_token_than_those_before(self, ledgers: Pair) -> None:
        tokens = []
        for n in range(6):
            async with ledgers[n % 2].lease("job") as token:
                tokens.append(token)
        assert tokens == sorted(set(tokens))
        assert tokens[0] > 0

    async def test_runs_are_recorded_for_all(self, ledgers: Pair) -> None:
        first, second = ledgers
        assert await first.records(["job", "other"]) == [Record(), Record()]
        async with first.lease("job") as token:
            await first.record("job", Outcome(TICK, "ok", 0.5), token)
        async with second.lease("job") as token:
            assert (await first.records(["job"]))[0].runs == 1
            await second.record("job", Outcome(TICK, "failed", 1.5), token)
        for ledger in ledgers:
            found, none = await ledger.records(["job", "other"])
            assert found == Record(TICK, "failed", 1.5, runs=2, failures=1)
            assert none == Record()

    async def test_a_record_comes_too_late_when_there_is_a_newer_lease(self, ledgers: Pair) -> None:
        first, second = ledgers
        async with first.lease("job") as late:
            pass
        async with second.lease("job") as token:
            with pytest.raises(LeaseLost):
                await first.record("job", Outcome(TICK, "ok", 0.5), late)
            await second.record("job", Outcome(TICK, "failed", 1.5), token)
            with pytest.raises(LeaseLost):
                await first.record("job", Outcome(TICK, "ok", 0.5), late)
        assert await first.records(["job"]) == [Record(TICK, "failed", 1.5, runs=1, failures=1)]
