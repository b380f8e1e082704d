"""UI modules of the room page."""

from tornado.web import UIModule


class Message(UIModule):
    """What somebody said; left empty it is the mould that the page's script fills."""

    def render(self, who: str = "", text: str = "", at: str = "") -> bytes:
        return self.render_string("websocket/message.html", who=who, text=text, at=at)
