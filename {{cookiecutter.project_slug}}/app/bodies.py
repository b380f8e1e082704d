"""Bodies of requests: JSON or a form, as a model."""

from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from app.problems import Invalid, Problem

if TYPE_CHECKING:
    from app.handlers import Handler

M = TypeVar("M", bound=BaseModel)


def read(handler: "Handler", model: type[M]) -> M:
    """The body as this model; raises 400, 415 or `Invalid`."""
    fields = _fields(handler)
    if _holds_nul(fields):
        raise Problem(400, "No text may hold the character NUL.")
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise Invalid(
            {
                ".".join(map(str, e["loc"])) or "body": e["msg"].removeprefix("Value error, ")
                for e in error.errors(include_input=False, include_url=False)
            }
        ) from None


def _fields(handler: "Handler") -> Any:
    kind = handler.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            return orjson.loads(handler.request.body)
        except orjson.JSONDecodeError:
            raise Problem(400, "The body is not JSON.") from None
    if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return handler.form_values()
    raise Problem(415, "Send application/json or a form.")


def _holds_nul(value: Any) -> bool:
    """Whether a text in it holds NUL: not every store keeps that, and no person types it."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text) if "\0" in text:
                return True
            case dict(members):
                waiting.extend(members.values())
            case list(items):
                waiting.extend(items)
    return False
