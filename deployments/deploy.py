"""Deploys all of prefect.yaml, as `prefect deploy --all` does, and keeps the nightly run's aim.

prefect.yaml cannot know which folder is to be looked at every night. Its schedule is off; what
`clara up` was told switches it on, and a later `clara up` that is told nothing leaves it as it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tasks.errors import ClaraError

_DEPLOY_TIMEOUT_S = 300.0


class DeployFailed(ClaraError):
    """`prefect deploy` ended with an error."""


def prefect_file() -> Path:
    """prefect.yaml: of the checkout, or the copy inside the installed package."""
    packaged = Path(__file__).with_name("prefect.yaml")
    return packaged if packaged.is_file() else Path(__file__).parents[1] / "prefect.yaml"


def deploy_all(log: Path) -> list[str]:
    """Deploys everything to the server of this process's environment; returns `flow/name`s.

    What Prefect says goes to `log`. Raises DeployFailed, ServerUnavailable.
    """
    file = prefect_file()
    command = [sys.executable, "-P", "-m", "prefect", "--no-prompt", "deploy", "--all"]
    # A settled width: what Prefect prints is not folded where a line is looked for.
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    try:
        ended = subprocess.run(
            [*command, "--prefect-file", str(file)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_DEPLOY_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeployFailed(
            f"`prefect deploy --all` did not end within {_DEPLOY_TIMEOUT_S:.0f} s: "
            "is the server busy?"
        ) from error
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(ended.stdout + ended.stderr, encoding="utf-8")
    if ended.returncode:
        said = [line for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
        raise DeployFailed(
            f"`prefect deploy --all` failed; {log} has all that it said: {' '.join(said[-3:])}"
        )
    return deployment_names(file)


def deployment_names(file: Path | None = None) -> list[str]:
    """`flow/name` of everything in prefect.yaml, in its order: what is deployed."""
    import yaml

    content = yaml.safe_load((file or prefect_file()).read_text("utf-8"))
    return [f"{_flow_name(d['entrypoint'])}/{d['name']}" for d in content["deployments"]]


def _flow_name(entrypoint: str) -> str:
    """By our convention the flow `train_stage` is called train-stage: a test holds it."""
    return entrypoint.rsplit(".", 1)[-1].replace("_", "-")
