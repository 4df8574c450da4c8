"""The base job templates beside this file: what a pool's workers are told about every run."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Literal

PoolType = Literal["process", "docker", "kubernetes"]


def base_job_template(pool_type: PoolType) -> dict[str, Any]:
    """The template for pools of this type. `process.json` adds our environment to Prefect's own."""
    name = f"templates/{pool_type}.json"
    template: dict[str, Any] = json.loads((files("deployments") / name).read_text("utf-8"))
    return template


def run_environment(template: dict[str, Any]) -> dict[str, str]:
    """The variables that a template gives to every run."""
    found: dict[str, str] = template["variables"]["properties"]["env"].get("default") or {}
    return found
