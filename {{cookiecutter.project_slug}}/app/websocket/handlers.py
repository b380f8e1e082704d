"""What is served for a room: its page, its history and its socket."""

from pydantic import ValidationError

from app.handlers import Guarded, Handler
from app.metrics import Counter
from app.problems import Problem
from app.websocket.guests import speaker
from app.websocket.limits import Allowance
from app.websocket.messages import START, Id, Say, error
from app.websocket.protocol import POLICY_VIOLATION, TRY_AGAIN_LATER
from app.websocket.rooms import Rooms, Unavailable
from app.websocket.socket import Socket

MOST_CHARACTERS = 4096
"""How long a text may be: a room keeps many, and sends them to many."""

SAID = Counter("websocket_messages", "Messages said in rooms")


def after(handler: Guarded) -> Id | None:
    """The id of `?after=ms-seq`; raises 400 for anything else."""
    text = handler.get_query_argument("after", None)
    try:
        return Id.parse(text) if text else None
    except ValueError:
        raise Problem(400, "`after` must be the id of a message.") from None


class RoomPage(Handler):
    personal = True

    def get(self, room: str) -> None:
        self.answer({"room": room, "who": speaker(self)}, page="websocket/room.html")


class Messages(Handler):
    """The kept messages, or those after one; `reset` says that some between are not kept."""

    personal = True

    async def get(self, room: str) -> None:
        kept = await self.application.get(Rooms).history(room, after(self) or START)
        messages = [message.document() for message in kept.messages]
        self.json({"reset": True, "messages": messages} if kept.reset else {"messages": messages})


class RoomSocket(Socket):
    """Somebody in a room: what they say goes to all who are there."""

    def admit(self, *args: str, **kwargs: str) -> None:
        super().admit(*args, **kwargs)
        self.room, self.after = args[0], after(self)
        self.rooms = self.application.get(Rooms)
        self.name = speaker(self)
        self.allowance = Allowance(self.limits.websocket_messages_per_minute)

    async def opened(self, *args: str, **kwargs: str) -> None:
        try:
            await self.rooms.join(self.room, self, self.after)
        except Unavailable as problem:
            self.send(error("unavailable", problem.detail))
            self.close(TRY_AGAIN_LATER, "try again later")
        if not self.is_open:  # it was closed while it was joining
            self.rooms.leave(self.room, self)

    async def received(self, message: str | bytes) -> None:
        if not self.allowance.take():
            self.refuse("rate_limited", "Too many messages: wait a little.")
            if self.allowance.abused:
                self.close(POLICY_VIOLATION, "too many messages")
        elif text := self.understand(message):
            try:
                await self.rooms.say(self.room, self.name, text)
                SAID.inc()
            except Unavailable as problem:
                self.refuse("unavailable", problem.detail)

    def understand(self, message: str | bytes) -> str | None:
        """The text that is said; the client is told what is wrong with anything else."""
        try:
            text = Say.model_validate_json(message).text
        except ValidationError as complaint:
            self.refuse("invalid", complaint.errors()[0]["msg"])
            return None
        if len(text) > MOST_CHARACTERS:
            self.refuse("too_large", f"A text has at most {MOST_CHARACTERS} characters.")
            return None
        if not text.strip():
            self.refuse("invalid", "The text is empty.")
            return None
        return text

    def refuse(self, code: str, detail: str) -> None:
        self.send(error(code, detail))

    def left(self) -> None:
        self.rooms.leave(self.room, self)
