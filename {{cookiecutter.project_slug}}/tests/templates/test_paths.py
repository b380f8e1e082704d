"""Where a browser may be sent after a change."""

import pytest

from app.templates.paths import own_path


@pytest.mark.parametrize("path", ["/", "/hello", "/a/b?x=%2F%2Fy&z=1#s", "/a//b"])
def test_goes_on_to_a_path_of_ours(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example", "/\\evil.example", "\\/evil.example", "https://evil.example", "",
        "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", "evil", "/a\\b", "/\x00",
        " /a", "/a\r\nSet-Cookie: x=y", "/\u2028", "///evil.example",
    ],
)  # fmt: skip
def test_goes_on_to_no_place_that_could_be_anothers(path: str) -> None:
    assert own_path(path) == "/"
