"""How a body becomes a model, and what is said when it does not."""

from collections.abc import AsyncIterator

import pytest
from pydantic import BaseModel, Field

from app.handlers import Handler
from tests.conftest import Client, Start


class Order(BaseModel):
    item: str = Field(min_length=2)
    count: int = 1


class Orders(Handler):
    def post(self) -> None:
        self.json(self.body(Order).model_dump())

    def put(self) -> None:
        raise ZeroDivisionError("a secret")


@pytest.fixture
async def orders(start: Start) -> AsyncIterator[Client]:
    async with start() as client:
        client.service.add_handlers(".*", [("/orders", Orders)])
        yield client


async def test_takes_json_and_forms(orders: Client) -> None:
    order = {"item": "tea", "count": 2}
    assert (await orders.post("/orders", json=order)).json() == order
    assert (await orders.post("/orders", data=order)).json() == order
    assert (await orders.post("/orders", files={"item": (None, "tea")})).json()["item"] == "tea"


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"item=tea", "text/plain", 415),
        (b"[]", "application/json", 422),
        (b'{"item": "tea\\u0000"}', "application/json", 400),
        (b'{"item": "tea", "more": [{"x": "\\u0000"}]}', "application/json", 400),
        (b'{"item": ' + b"[" * 1000 + b"]" * 1000 + b"}", "application/json", 422),
        (b'{"item": "x"}', "application/json", 422),
        (b"item=x", "application/x-www-form-urlencoded", 422),
        (b"item=%ff%fe", "application/x-www-form-urlencoded", 400),
        (b"--x", "multipart/form-data; boundary=y", 400),
    ],
)
async def test_a_bad_body_gets_the_right_status(
    orders: Client, content: bytes, kind: str, status: int
) -> None:
    answer = await orders.post("/orders", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.json()["status"] == status


async def test_a_field_that_is_wrong_is_named(orders: Client) -> None:
    errors = (await orders.post("/orders", json={"item": "x", "count": "many"})).json()["errors"]
    assert set(errors) == {"item", "count"}


async def test_an_unforeseen_error_tells_nothing_and_the_service_lives_on(orders: Client) -> None:
    answer = await orders.put("/orders")
    assert (answer.status_code, answer.json()["detail"]) == (500, "Internal Server Error")
    assert "secret" not in answer.text
    assert (await orders.get("/hello")).status_code == 200
