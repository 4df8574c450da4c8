"""docs/deploying.md stays true: its commands, deployments and variables are those of the code."""

from __future__ import annotations

import re

import typer

from deployments.automations import SILENCE_S
from deployments.bootstrap import main as bootstrap
from deployments.deploy import deployment_names
from deployments.names import SILENT_RUNS
from deployments.templates import base_job_template, run_environment
from flows.cli import app
from tasks.settings import Settings
from tests.support.pages import page, section

PAGE = page("docs/deploying.md")
_AWS = {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}


def _commands(program: str) -> list[str]:
    return re.findall(rf"^uv run {program} (.+)$", PAGE, re.MULTILINE)


def test_every_clara_command_is_one() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    found = _commands("clara")
    assert len(found) >= 8
    for line in found:
        name, *arguments = line.split()
        command = commands[name]
        # Parses as the command would, and runs nothing.
        command.make_context(name, arguments, resilient_parsing=False)


def test_every_deployment_is_named_and_every_named_one_is_there() -> None:
    named = set(re.findall(r"`([a-z-]+/[a-z]+)`", PAGE)) - {"deployments/templates"}
    assert named == {*deployment_names()}
    for line in _commands("prefect deployment run"):
        assert line.split()[0] in deployment_names()


def test_parameters_of_runs_are_those_of_the_flows() -> None:
    from flows.ingest import ingest
    from flows.train import train

    flows = {"ingest/cpu": ingest, "train/cpu": train}
    lines = _commands("prefect deployment run")
    assert len(lines) == 3
    for line in lines:
        known = flows[line.split()[0]].parameters.properties
        assert set(re.findall(r"-p (\w+)=", line)) <= {*known}


def test_variables_are_read_by_somebody() -> None:
    import prefect.settings

    ours = {name.upper() for name in Settings.model_fields} | {"CLARA_AWS_BLOCK"}
    for name in set(re.findall(r"\b((?:CLARA|PREFECT|AWS)_[A-Z_]+)\b", PAGE)):
        assert name in ours | _AWS or hasattr(prefect.settings, name), name


def test_bootstrap_takes_the_flags_that_are_named(capsys) -> None:
    import contextlib

    with contextlib.suppress(SystemExit):
        bootstrap(["--help"])
    flags = capsys.readouterr().out
    named = set(re.findall(r"--[a-z-]+", section(PAGE, "Pools of your own")))
    assert named and all(flag in flags for flag in named)


def test_what_keeps_it_alive_is_what_is_made() -> None:
    text = section(PAGE, "What keeps it alive")
    assert f"{SILENCE_S} seconds of silence" in text and f'"{SILENT_RUNS}"' in text
    seconds = run_environment(base_job_template("process"))["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]
    assert f"every {seconds} seconds" in text
