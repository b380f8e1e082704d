"""The ledger of one process."""

import pytest

from app.jobs.ledger import Ledger
from tests.conftest import Client
from tests.jobs.contract import LedgerContract, Pair


class TestMemory(LedgerContract):
    @pytest.fixture
    def ledgers(self, client: Client) -> Pair:
        ledger = client.service.get(Ledger)
        assert not ledger.shared
        return ledger, ledger
