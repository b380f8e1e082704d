"""What is said to clients, and the ids that put it in order."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Self

import orjson
from pydantic import BaseModel

from app.websocket.protocol import frame

SHAPE = re.compile(r"([0-9]{1,20})-([0-9]{1,20})\Z")
LARGEST = 2**64 - 1


class Id(NamedTuple):
    """A message's place in its room: milliseconds since 1970, and a number within them."""

    ms: int
    seq: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `ms-seq`; raises ValueError."""
        if not (match := SHAPE.match(text)) or max(map(int, match.groups())) > LARGEST:
            raise ValueError(f"not an id: {text!r}")
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"


START = Id(0, 0)
"""Before the first message."""


@dataclass(frozen=True)
class Message:
    """What somebody said in a room."""

    id: Id
    room: str
    who: str
    text: str

    def document(self) -> dict[str, Any]:
        """The message as clients see it; its time is that of its id, so that both agree."""
        return {
            "type": "message",
            "id": str(self.id),
            "room": self.room,
            "who": self.who,
            "text": self.text,
            "at": datetime.fromtimestamp(self.id.ms / 1000, UTC).isoformat(timespec="milliseconds"),
        }

    def frame(self) -> bytes:
        """The document as a frame: to be made once, however many hear it."""
        return frame(orjson.dumps(self.document()))


class Say(BaseModel):
    """What a client sends."""

    type: Literal["say"]
    text: str


def presence(who: list[str]) -> bytes:
    return frame(orjson.dumps({"type": "presence", "who": who}))


def error(code: str, detail: str) -> bytes:
    return frame(orjson.dumps({"type": "error", "code": code, "detail": detail}))


RESET = frame(orjson.dumps({"type": "reset"}))
