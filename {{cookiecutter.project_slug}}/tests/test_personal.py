"""Handlers that answer only those who are known."""

from collections.abc import AsyncIterator

import pytest
from tornado.web import RequestHandler

from app.handlers import Handler
from app.service import Identity, anyone
from tests.conftest import Client, Start


class Diary(Handler):
    personal = True

    def get(self) -> None:
        self.json({"kept": True})


class Wall(Handler):
    def get(self) -> None:
        self.json({"who": self.who.name})


async def by_header(handler: RequestHandler) -> Identity | None:
    name = handler.request.headers.get("X-Who")
    return Identity(id=name, name=name) if name else None


@pytest.fixture
async def known(start: Start) -> AsyncIterator[Client]:
    """A service that knows people by a header."""
    async with start() as client:
        client.service.identify = by_header
        client.service.add_handlers(".*", [("/diary", Diary), ("/wall", Wall)])
        yield client


async def test_a_personal_handler_is_for_those_who_are_known(known: Client) -> None:
    assert (await known.get("/diary")).status_code == 401
    assert (await known.get("/diary", headers={"X-Who": "ada"})).json() == {"kept": True}


async def test_everybody_is_let_in_where_nobody_is_told_apart(client: Client) -> None:
    client.service.identify = anyone
    client.service.add_handlers(".*", [("/diary", Diary)])
    assert (await client.get("/diary")).status_code == 200


async def test_another_handler_cannot_ask_who_it_is_by_mistake(known: Client) -> None:
    assert (await known.get("/wall", headers={"X-Who": "ada"})).status_code == 500
