"""Letters: what a mail says, written once, and translated and laid out when it is sent."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import NamedTuple

from app.auth.mail import Mail

Translate = Callable[[str], str]

MAILS = Path(__file__).parent / "mails"
LAYOUT, LINK = ((MAILS / f"{name}.html").read_text("utf-8") for name in ("layout", "link"))


class Letter(NamedTuple):
    """A subject and paragraphs in English, with `{names}` of what the sender fills in."""

    subject: str
    paragraphs: tuple[str, ...]

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


def letter(name: str) -> Letter:
    """The letter in this file: the subject, then paragraphs, with empty lines between them."""
    text = (MAILS / f"{name}.txt").read_text("utf-8")
    subject, *paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return Letter(subject, tuple(paragraphs))


def told(what: str) -> Letter:
    """Tells an account's owner what was done to it: often the first sign of an intruder."""
    return letter("told")._replace(subject=what)
