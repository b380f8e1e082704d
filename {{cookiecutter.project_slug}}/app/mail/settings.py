"""The mail server, as the environment tells of it."""

from urllib.parse import urlsplit

from pydantic import NameEmail, field_validator

from app.settings import Environment


class MailSettings(Environment):
    """Without a server mails stay in the process."""

    mail_url: str | None = None
    mail_from: NameEmail | None = None

    @field_validator("mail_url")
    @classmethod
    def a_mail_server(cls, value: str | None) -> str | None:
        if value and not _is_server(value):
            raise ValueError("must look like smtp://user:password@host:587")
        return value


def _is_server(value: str) -> bool:
    try:
        url = urlsplit(value)
        return url.scheme in ("smtp", "smtps") and bool(url.hostname) and url.port != 0
    except ValueError:  # a port that is no number
        return False
