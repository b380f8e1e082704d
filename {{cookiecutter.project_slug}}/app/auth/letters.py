"""Letters: what a mail says, written once, and translated and laid out when it is sent."""

from collections.abc import Callable
from typing import NamedTuple

from app.auth.mail import Mail

Translate = Callable[[str], str]


class Letter(NamedTuple):
    """A subject and paragraphs in English, with `{names}` of what the sender fills in."""

    subject: str
    paragraphs: tuple[str, ...]

    def to(self, address: str, values: dict[str, str], translate: Translate) -> Mail:
        """The mail in the reader's language."""
        texts = (self.subject, *self.paragraphs)
        subject, *paragraphs = (translate(text).format(**values) for text in texts)
        return Mail(address, subject, "\n\n".join(paragraphs) + "\n")
