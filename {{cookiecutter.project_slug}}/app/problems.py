"""What can be wrong with a request, said so that a client can act on it (RFC 9457)."""

from typing import Any

from tornado.web import HTTPError


class Problem(HTTPError):
    """An error whose detail, further members and headers are for the client."""

    def __init__(
        self, status: int, detail: str, headers: dict[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(status)
        self.detail, self.headers, self.members = detail, headers or {}, members


class Invalid(Problem):
    """A body that was read but does not hold what it should: 422, with a message per field."""

    def __init__(self, errors: dict[str, str], detail: str = "Some fields are not valid.") -> None:
        super().__init__(422, detail, errors=errors)


def describe(
    status: int, title: str, error: BaseException | None, request_id: str
) -> dict[str, Any]:
    """The members of the problem document; an unforeseen error is only named by its status."""
    problem = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": error.detail if isinstance(error, Problem) else title,
        "request_id": request_id,
    }
    return problem | (error.members if isinstance(error, Problem) else {})
