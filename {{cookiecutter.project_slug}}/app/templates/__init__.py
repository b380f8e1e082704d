"""Pages: HTML for browsers, from the same handlers that answer others in JSON."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.templates import language
from app.templates.files import Files
from app.templates.renderer import HTMLRenderer

if TYPE_CHECKING:
    from app.service import Service

HERE = Path(__file__).parent
UI_MODULES = [
    import_module(".".join((__name__, *path.relative_to(HERE).with_suffix("").parts)))
    for path in sorted((*HERE.glob("modules.py"), *HERE.glob("*/modules.py")))
]
"""The UI modules of every page, and those that a feature keeps beside its pages."""

ROUTES = [("/locale", language.Switch)]
TORNADO: dict[str, Any] = {
    "template_path": str(HERE),
    "static_path": str(HERE / "static"),
    "static_handler_class": Files,
    "ui_modules": UI_MODULES,
}


@asynccontextmanager
async def lifespan(service: "Service") -> AsyncIterator[None]:
    """Bring the translations and the renderer that writes pages."""
    language.load(HERE)
    service.renderer = HTMLRenderer()
    yield
