"""Whether every node of a Ray cluster can do the work, asked before the first document is sent."""

from __future__ import annotations

import socket
import uuid
from importlib.metadata import version
from typing import Any

from flows.ingest_setup import Places
from tasks.errors import RayUnavailable
from tasks.storage import Location

_PACKAGE = "clara-pipeline"
_PATIENCE_S = 120.0
_CONNECT_S = 10.0


def check_head(address: str) -> None:
    """Raises RayUnavailable where nothing listens: Ray itself would wait for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition("://")[2].partition("/")[0].rpartition(":")
    if not host or not port.isdigit():
        raise RayUnavailable(
            f"--ray-address {address!r} is no address of a Ray cluster: HOST:PORT, "
            "ray://HOST:PORT or auto"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
    except OSError as error:
        raise RayUnavailable(
            f"the Ray cluster at {address} is not reached ({error}): `ray start --head` starts "
            "one, and without --ray-address this machine is the cluster"
        ) from error


def check_nodes(places: Places, address: str) -> None:
    """Has every node look for SOURCE, the cache, our package and the Prefect server.

    Raises RayUnavailable, which names the nodes that lack something.
    """
    import ray
    from prefect.settings import PREFECT_API_URL
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ours = version(_PACKAGE)
    token = f"ray-{uuid.uuid4().hex}"
    cache = Location(places.cache_uri)
    cache.write_bytes(token, b"seen", durable=False)
    try:
        asked = []
        for node in ray.nodes():
            if not node["Alive"]:
                continue
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            look = ray.remote(look_around).options(num_cpus=0, scheduling_strategy=there)
            reference = look.remote(
                places.source.uri(), places.cache_uri, token, PREFECT_API_URL.value(), ours
            )
            asked.append((str(node["NodeManagerAddress"]), reference))
        answers = [(name, _answer(reference)) for name, reference in asked]
        problems = [f"node {name}: {problem}" for name, problem in answers if problem]
    finally:
        cache.remove(token)
    if problems:
        raise RayUnavailable(
            f"not every node of the Ray cluster at {address} can do the work. "
            + "; ".join(problems)
            + ". Every node needs this package in the same version, SOURCE and the cache under the "
            "same names (a shared file system, or s3://), and a Prefect server that it can reach"
        )


def _answer(reference: Any) -> str | None:
    import ray

    try:
        found: str | None = ray.get(reference, timeout=_PATIENCE_S)
    except ray.exceptions.GetTimeoutError:
        return f"no answer within {_PATIENCE_S:g} seconds"
    except Exception as error:
        # Of the node: its Python lacks our package, it died, it runs out of memory.
        last = str(error).strip().splitlines()[-1:] or [""]
        return f"{type(error).__name__}: {last[0]}"[:300]
    return found


def look_around(
    source: str, cache: str, token: str, api_url: str | None, expected: str
) -> str | None:
    """What is missing on the machine that runs this, as a sentence; None where nothing is."""
    from tasks.errors import ClaraError

    if (there := version(_PACKAGE)) != expected:
        return f"it has {_PACKAGE} {there}, and this machine {expected}"
    try:
        if not Location(source).is_folder():
            return f"SOURCE {source} is not there"
        if not Location(cache).exists(token):
            return f"the cache {cache} is another folder there"
    except ClaraError as error:
        return str(error)
    return _server_problem(api_url)


def _server_problem(api_url: str | None) -> str | None:
    import httpx

    if not api_url:
        return "no Prefect server is configured (PREFECT_API_URL)"
    try:
        httpx.get(f"{api_url}/health", timeout=10)
    except httpx.HTTPError as error:
        return f"the Prefect server {api_url} is not reached ({type(error).__name__})"
    return None
