"""The configuration on a server and in compose, which differ from the one here by their site."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.nginx.fixtures import ROOT, free_port, program

CERTIFICATE = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "1"]
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def installed_as(site: str, folder: Path) -> Path:
    """The configuration as it would be installed, but for places that only root may use."""
    shutil.copytree(ROOT / "nginx", folder, dirs_exist_ok=True)
    if site != "site":
        shutil.copytree(ROOT / "nginx" / site, folder / "site", dirs_exist_ok=True)
    for file in (folder / "site").iterdir():
        text = re.sub(r"\b(80|443|8080)(?=[ ;])", lambda _: str(free_port()), file.read_text())
        text = text.replace("/etc/letsencrypt/live/example.com", str(folder))
        text = re.sub("(?m)^(pid|user|access_log|resolver|.*_temp_path) .*", "", text)
        # Docker's DNS is not here, and nginx asks again for a name only since 1.27.3.
        text = text.replace("service:8000 resolve", "127.0.0.1:8000")
        file.write_text(text)
    main, http = folder / "site/main.conf", folder / "site/http.conf"
    main.write_text(f"{main.read_text()}pid {folder}/nginx.pid;\n")
    lines = (f"{kind}_temp_path {folder}/{kind};\n" for kind in TEMPORARY)
    http.write_text(http.read_text() + "".join(lines))
    return folder / "nginx.conf"


def certify(folder: Path) -> None:
    """A certificate of our own."""
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([program("openssl"), *CERTIFICATE, *files], check=True, capture_output=True)


@pytest.mark.parametrize("site", ["site", "compose"])
def test_it_is_well_formed(nginx: str, site: str, tmp_path: Path) -> None:
    conf = installed_as(site, tmp_path)
    certify(tmp_path)
    tested = subprocess.run(
        [nginx, "-t", "-e", "stderr", "-p", tmp_path, "-c", conf],
        capture_output=True,
        text=True,
    )
    assert tested.returncode == 0, tested.stderr
    assert "[warn]" not in tested.stderr
