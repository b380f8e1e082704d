"""The composition root: each feature is named once."""

from types import ModuleType

from app import {{ cookiecutter.__imports }}
from app.service import Service, said_by
from app.settings import Settings, load

NAME = "{{ cookiecutter.project_slug }}"
TITLE = "{{ cookiecutter.project_name | replace('\\', '\\\\') | replace('"', '\\u0022') }}"
# In this order they start, as some find what others have brought, and in reverse they end.
FEATURES: list[ModuleType] = [{{ cookiecutter.__features }}]


def create_service() -> Service:
    """Read the settings and compose the features; raises `SettingsError`."""
    settings = load([Settings, *said_by(FEATURES, "SETTINGS")])
    return Service(TITLE, [health, home], FEATURES, settings)
