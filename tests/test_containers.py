"""Containers: what Docker, compose and Kubernetes read is valid, and agrees with the project."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_cookies.plugin import Cookies

from tests.combinations import PAIRWISE, TEMPLATE, answers
from tests.conftest import clean_environment

pytestmark = pytest.mark.xdist_group("containers")

TOOLS = Path(sys.executable).parent
COMPOSE = ["check-jsonschema", "--builtin-schema", "vendor.compose-spec"]
KUBERNETES = ["kubernetes-validate", "--strict"]
SHAPES = [*PAIRWISE, frozenset({"nginx"}), frozenset({"jobs", "nginx"})]
DIGEST = re.compile(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}")


def check(tool: list[str], *files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOOLS / tool[0], *tool[1:], *files],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def change(file: Path, old: str, new: str, into: Path) -> Path:
    """A copy of the file that has a fault."""
    assert old in file.read_text()
    changed = into / file.name
    changed.write_text(file.read_text().replace(old, new, 1))
    return changed


def manifests(root: Path) -> list[Path]:
    return sorted((root / "nginx/kubernetes").glob("*.yaml"))


def documents(root: Path, *kinds: str) -> list[Any]:
    """What the manifests hold of these kinds."""
    texts = (file.read_text() for file in manifests(root))
    found = [document for text in texts for document in yaml.safe_load_all(text)]
    return [document for document in found if document["kind"] in kinds]


def default(root: Path, name: str) -> int:
    """The default of one of the core's settings."""
    settings = (root / "app/settings.py").read_text()
    found = re.search(rf"^    {name}: \w+ = Field\(default=(\d+)", settings, re.MULTILINE)
    assert found
    return int(found[1])


@pytest.fixture(scope="module")
def shapes(cookies_session: Cookies) -> list[Path]:
    """Projects between which every condition in these files is met and is not; all on is first."""
    return [cookies_session.bake(extra_context=answers(on)).project_path for on in SHAPES]


def test_the_dockerfile_has_no_finding(tmp_path: Path) -> None:
    found = check(["hadolint"], TEMPLATE / "Dockerfile")
    assert (found.returncode, found.stdout) == (0, "")
    untagged = change(TEMPLATE / "Dockerfile", "FROM python:", "FROM python #", tmp_path)
    assert "DL3006" in check(["hadolint"], untagged).stdout


def test_the_image_alone_is_in_production(all_on: Path, python: Path) -> None:
    """Else who runs it without settings shows the world what is for a developer."""
    texts = re.findall(r"^ENV (.*)$", (all_on / "Dockerfile").read_text(), re.MULTILINE)
    variables = dict(re.findall(r"(\S+)=(\S+)", texts[-1]))
    assert {"HOST", "PORT"} <= set(variables)
    started = subprocess.run(
        [python, "-m", "app"],
        cwd=all_on,
        env=clean_environment(**variables),
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert started.returncode == 78
    assert "SECRET_KEY" in started.stderr


def test_compose_files_are_valid(shapes: list[Path], tmp_path: Path) -> None:
    found = check(COMPOSE, *(root / "compose.yaml" for root in shapes))
    assert found.returncode == 0, found.stdout
    wrong = change(shapes[0] / "compose.yaml", "read_only:", "readonly:", tmp_path)
    assert check(COMPOSE, wrong).returncode == 1


def test_manifests_are_valid(shapes: list[Path], tmp_path: Path) -> None:
    found = check(KUBERNETES, *(file for root in shapes for file in manifests(root)))
    assert found.returncode == 0, found.stdout
    deployment = shapes[0] / "nginx/kubernetes/deployment.yaml"
    wrong = change(deployment, "maxUnavailable:", "maxUnavailible:", tmp_path)
    assert check(KUBERNETES, wrong).returncode == 1


def test_images_of_others_are_pinned_by_their_digest(all_on: Path) -> None:
    compose = yaml.safe_load((all_on / "compose.yaml").read_text())["services"].values()
    bases = re.findall(r"^FROM (\S+)", (all_on / "Dockerfile").read_text(), re.MULTILINE)
    images = {service["image"] for service in compose} - {all_on.name} | set(bases)
    assert len(images) == 4
    assert all(DIGEST.fullmatch(image) for image in images), images


def test_jobs_have_one_process_where_nothing_is_shared(shapes: list[Path]) -> None:
    """Replicas have the number 0; whatever else there is of the service is number 1."""
    for root in shapes:
        services = yaml.safe_load((root / "compose.yaml").read_text())["services"]
        alone = (root / "app/jobs").exists() and (root / "nginx").exists()
        assert ("jobs" in services) == (alone and not (root / "app/redis").exists())
        if (root / "nginx").exists():
            assert services["service"]["environment"]["INSTANCE"] == "0"
            (settings,) = documents(root, "ConfigMap")
            assert settings["data"]["INSTANCE"] == "0"
        if "jobs" in services:
            assert "INSTANCE" not in services["jobs"]["environment"]


def test_pods_are_what_the_pod_security_standard_calls_restricted(all_on: Path) -> None:
    for document in documents(all_on, "Deployment", "Job"):
        pod = document["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        user = f"USER {pod['securityContext']['runAsUser']}\n"
        assert user in (all_on / "Dockerfile").read_text()


def test_probes_ask_what_the_service_answers_where_it_listens(all_on: Path) -> None:
    routes = re.findall(r'\("(/health/\w+)"', (all_on / "app/health/__init__.py").read_text())
    assert len(routes) == 2
    for document in documents(all_on, "Deployment"):
        (container,) = document["spec"]["template"]["spec"]["containers"]
        assert container["ports"] == [{"name": "http", "containerPort": default(all_on, "port")}]
        probes = {name: probe["httpGet"] for name, probe in container.items() if "Probe" in name}
        assert all(probe["port"] == "http" and probe["path"] in routes for probe in probes.values())
        assert probes["livenessProbe"]["path"] == "/health/live"
        assert probes.get("readinessProbe", {}).get("path") in (None, "/health/ready")


def test_what_is_hidden_by_nginx_is_hidden_by_the_ingress(all_on: Path) -> None:
    conf = "".join(file.read_text() for file in (all_on / "nginx").rglob("*.conf"))
    hidden = [
        path["path"]
        for ingress in documents(all_on, "Ingress")
        if "nginx.ingress.kubernetes.io/denylist-source-range" in ingress["metadata"]["annotations"]
        for path in ingress["spec"]["rules"][0]["http"]["paths"]
    ]
    assert sorted(hidden) == sorted(re.findall(r"location = (\S+) \{ return 404; \}", conf))


def test_containers_are_given_longer_to_end_than_the_service_drains(all_on: Path) -> None:
    drain = default(all_on, "drain_seconds")
    for document in documents(all_on, "Deployment"):
        pod = document["spec"]["template"]["spec"]
        stop = pod["containers"][0].get("lifecycle", {}).get("preStop", {"sleep": {"seconds": 0}})
        assert pod["terminationGracePeriodSeconds"] >= stop["sleep"]["seconds"] + drain + 10
    services = yaml.safe_load((all_on / "compose.yaml").read_text())["services"]
    assert int(services["service"]["stop_grace_period"].removesuffix("s")) >= drain + 10
