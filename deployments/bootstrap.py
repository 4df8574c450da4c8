"""Makes on a Prefect server what our deployments need: as often as you like, with the same end.

    python -m deployments.bootstrap
    python -m deployments.bootstrap --result-storage s3://bucket/prefect-results --cpu-limit 2

Pools, their limits, the automation for silent runs, the result storage block. The server is that
of PREFECT_API_URL, or ours. `clara up` does this first and deploys prefect.yaml after it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from deployments.templates import PoolType
from tasks.errors import ClaraError


class BootstrapOptions(BaseModel):
    """What is asked for; None leaves what a pool that exists has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pool_type: PoolType = "process"
    cpu_limit: int | None = Field(default=None, ge=1)
    gpu_limit: int | None = Field(default=None, ge=1)
    result_storage: str | None = None


def bootstrap(options: BootstrapOptions | None = None) -> list[str]:
    """Returns a line for each thing that was made, completed or there already.

    Raises ServerUnavailable, UsageError.
    """
    from deployments.automations import ensure_silent_runs
    from deployments.pools import default_pools, ensure_pool
    from deployments.result_storage import ensure_result_block
    from deployments.server_access import server_client

    options = options or BootstrapOptions()
    cpu, gpu = default_pools(options.pool_type, options.cpu_limit, options.gpu_limit or 1)
    done: list[str] = []
    with server_client() as client:
        environment: dict[str, str] = {}
        if options.result_storage:
            block = ensure_result_block(options.result_storage)
            environment["PREFECT_DEFAULT_RESULT_STORAGE_BLOCK"] = block
            done.append(f"results: {options.result_storage} (block {block})")
        for pool, limit in ((cpu, options.cpu_limit), (gpu, options.gpu_limit)):
            asked = limit is not None
            done.append(ensure_pool(client, pool, set_limit=asked, environment=environment))
        done.append(ensure_silent_runs(client))
    return done


def _one_or_more(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: one or more")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m deployments.bootstrap",
        description="Make pools, limits, the automation for silent runs, and result storage.",
    )
    parser.add_argument(
        "--pool-type",
        choices=("process", "docker", "kubernetes"),
        default="process",
        help="type of pools that are made; those that exist keep theirs",
    )
    parser.add_argument(
        "--cpu-limit", type=_one_or_more, help="runs at once in cpu-pool; default: no limit"
    )
    parser.add_argument(
        "--gpu-limit", type=_one_or_more, help="runs at once in gpu-pool; default: 1"
    )
    parser.add_argument(
        "--result-storage", help="s3://BUCKET/FOLDER or a mounted folder, for what flows return"
    )
    given = vars(parser.parse_args(arguments))
    from flows.local_server import connect

    try:
        print(f"server: {connect()}")
        for line in bootstrap(BootstrapOptions(**given)):
            print(line)
    except ClaraError as error:
        print(f"clara: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
