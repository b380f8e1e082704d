"""In development a service starts again when a file of it changes, be it a page or a style."""

import re
from pathlib import Path

import httpx
import pytest

from tests.conftest import clean_environment
from tests.processes import started
from tests.servers import await_, free_port


@pytest.mark.parametrize("file", ["base.html", "static/style.css"])
def test_what_was_edited_is_what_is_served(python: Path, project: Path, file: str) -> None:
    environment = clean_environment(PORT=str(free_port()), LOG_FORMAT="json")
    with started([str(python), "-m", "app"], project, environment) as service:

        def seen() -> list[str]:
            page = httpx.get(service.url, headers={"Accept": "text/html"}).text
            return re.findall(r"style\.css\?v=\w+|edited", page)

        def has_changed() -> bool:
            edited.touch()  # which is noticed when it has been looked at before
            try:
                return seen() != before
            except httpx.TransportError:  # it starts again
                return False

        before, edited = seen(), project / "app/templates" / file
        edited.write_text(edited.read_text() + "/* edited */")
        await_(has_changed, "the new version")
