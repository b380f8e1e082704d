"""Signals: how one feature tells others what has happened, without knowing them."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Signal(Generic[T]):
    """Calls every receiver, in the order of their connecting, with what is sent."""

    def __init__(self) -> None:
        self._receivers: list[Callable[[T], None]] = []

    def connect(self, receiver: Callable[[T], None]) -> None:
        self._receivers.append(receiver)

    def send(self, value: T) -> None:
        for receiver in self._receivers:
            receiver(value)
