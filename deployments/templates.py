"""The base job templates beside this file: what a pool's workers are told about every run.

Each is Prefect's own template for that type of worker with our environment among its defaults;
Docker's and Kubernetes' also ask for GPUs and for shared memory.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Literal

PoolType = Literal["process", "docker", "kubernetes"]

_GPU_VARIABLE: dict[PoolType, str] = {"docker": "device_requests", "kubernetes": "gpus"}
_CPU_IMAGE = "clara-pipeline:cpu"


def base_job_template(pool_type: PoolType, *, gpu: bool = True) -> dict[str, Any]:
    """The template for pools of this type; without `gpu` its runs ask for no device."""
    name = f"templates/{pool_type}.json"
    template: dict[str, Any] = json.loads((files("deployments") / name).read_text("utf-8"))
    if pool_type in _GPU_VARIABLE and not gpu:
        properties = template["variables"]["properties"]
        # What has no value is left out of the job, with the key that it stands behind.
        del properties[_GPU_VARIABLE[pool_type]]["default"]
        properties["image"]["default"] = _CPU_IMAGE
    return template


def run_environment(template: dict[str, Any]) -> dict[str, str]:
    """The variables that a template gives to every run."""
    found: dict[str, str] = template["variables"]["properties"]["env"].get("default") or {}
    return found
