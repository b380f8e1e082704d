"""Letters: what a mail says, written once, and translated and laid out when it is sent."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import NamedTuple

from app.mail.mailer import Mail

Translate = Callable[[str], str]

HERE = Path(__file__).parent
LAYOUT, LINK = ((HERE / f"{name}.html").read_text("utf-8") for name in ("layout", "link"))


class Letter(NamedTuple):
    """A subject and paragraphs in English, with `{names}` of what the sender fills in."""

    subject: str
    paragraphs: tuple[str, ...]

    @classmethod
    def read(cls, file: Path) -> "Letter":
        """The letter in the file: the subject, then paragraphs, with empty lines between them."""
        parts = file.read_text("utf-8").split("\n\n")
        subject, *paragraphs = (" ".join(part.split()) for part in parts)
        return cls(subject, tuple(paragraphs))

    def to(self, address: str, values: dict[str, str], translate: Translate) -> Mail:
        """The mail in the reader's language; a paragraph that begins with our origin is a link."""
        texts = (self.subject, *self.paragraphs)
        subject, *paragraphs = (translate(text).format(**values) for text in texts)
        html = [
            LINK.format(link=escape(text), button=escape(translate("Open the page")))
            if text.startswith(values["origin"])
            else f"<p>{escape(text)}</p>"
            for text in paragraphs
        ]
        page = LAYOUT.format(
            language=translate("en"),  # which each language translates into its own code
            subject=escape(subject),
            paragraphs="\n".join(html),
        )
        return Mail(address, subject, "\n\n".join(paragraphs) + "\n", page)
