"""The path rule: a file or folder named after a feature that was not chosen is not kept."""

import json
import shutil
from pathlib import Path

FEATURES = json.loads(
    """{{ {
        'auth': cookiecutter.use_auth, 'database': cookiecutter.use_auth,
        'mail': cookiecutter.use_auth, 'oidc': cookiecutter.use_auth,
        'throttle': cookiecutter.use_auth, 'redis': cookiecutter.use_redis,
        'websocket': cookiecutter.use_websocket, 'templates': cookiecutter.use_templates,
        'jobs': cookiecutter.use_jobs, 'nginx': cookiecutter.use_nginx,
    } | tojson }}"""
)
OFF = {name for name, chosen in FEATURES.items() if not chosen}
PLACES = ("app", "tests", "nginx")


def prune(folder: Path) -> None:
    """Delete what is named after an unchosen feature, and folders that hold nothing else."""
    if folder.stem.removeprefix("test_") in OFF:
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink(missing_ok=True)
    elif folder.is_dir():
        for path in folder.iterdir():
            prune(path)
        if not any(folder.iterdir()):
            folder.rmdir()


for place in PLACES:
    prune(Path(place))
print("""
Made {{ cookiecutter.project_slug }}. Go on with

    cd {{ cookiecutter.project_slug }}
    uv run {{ cookiecutter.project_slug }}    to serve on http://127.0.0.1:8000
    uv run pytest    to run its tests
""")
