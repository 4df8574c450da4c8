"""Container files and compose: what can be said of them where no container runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deployments"
SECRET = re.compile("PASSWORD|AUTH|KEY|SECRET")


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
    return found


def test_the_server_is_locked_and_on_loopback_unless_told_otherwise() -> None:
    services = compose()["services"]
    assert {*services} == {"database", "server", "cpu-worker"}
    server = services["server"]
    assert server["ports"] == ["${CLARA_BIND:-127.0.0.1}:4200:4200"]
    environment = server["environment"]
    assert environment["PREFECT_SERVER_API_AUTH_STRING"].startswith("${CLARA_PREFECT_AUTH:?")
    assert environment["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"
    assert environment["PREFECT_API_DATABASE_CONNECTION_URL"].startswith("postgresql+asyncpg://")
    assert "ports" not in services["database"], "nobody else needs the database"


def test_no_secret_is_written_in_it() -> None:
    for name, service in compose()["services"].items():
        for variable, value in service["environment"].items():
            if SECRET.search(variable):
                assert value is None or (value.startswith("${") and ":?" in value), (name, variable)


def test_names_that_prefect_does_not_know_are_not_set() -> None:
    import prefect.settings

    for service in compose()["services"].values():
        for variable in service["environment"]:
            if variable.startswith("PREFECT_"):
                assert hasattr(prefect.settings, variable), variable
    assert not hasattr(prefect.settings, "PREFECT_SERVER_PASSPHRASE")


def test_what_the_worker_runs_is_there() -> None:
    command = compose()["services"]["cpu-worker"]["command"][-1]
    assert "python -m deployments.bootstrap &&" in command
    assert (FOLDER / "bootstrap.py").is_file() and (ROOT / "prefect.yaml").is_file()
    assert "--pool cpu-pool" in command


@pytest.mark.parametrize("name", ["Containerfile.cpu", "Containerfile.cuda"])
def test_container_files(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[0].startswith("FROM ") and "." not in lines[0].split("/")[0].removeprefix(
        "FROM python:3.12-slim"
    ), "no registry's name"
    user = text.index("USER clara")
    assert user < text.index("uv sync") < text.index("CMD"), "nothing of ours runs as root"
    assert not re.search(r"(ENV|ARG)[^\n]*(" + SECRET.pattern + ")", text)
    assert "PREFECT_SERVER_ANALYTICS_ENABLED=false" in text and "DO_NOT_TRACK=1" in text
    build = next(line for line in text.splitlines() if "podman build" in line)
    assert f"-f deployments/{name} " in build


def test_images_are_those_that_the_templates_name() -> None:
    from deployments.templates import base_job_template

    for name, gpu in (("Containerfile.cpu", False), ("Containerfile.cuda", True)):
        image = base_job_template("docker", gpu=gpu)["variables"]["properties"]["image"]["default"]
        assert f"-t {image} " in (FOLDER / name).read_text("utf-8")


def test_keys_and_builds_stay_out_of_the_image() -> None:
    ignored = (ROOT / ".containerignore").read_text("utf-8").split()
    assert {".env", ".git", ".venv"} <= {*ignored}
