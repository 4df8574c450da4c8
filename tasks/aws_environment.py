"""What botocore reads from the environment, completed from `.env` and from a Prefect block.

Worker processes, trainers and the AWS clients of other libraries inherit the environment, and so
see the same storage without asking anyone. Nothing is written to a file or given as a parameter.
"""

from __future__ import annotations

import os
from typing import Any

from tasks.errors import ServerUnavailable, UsageError
from tasks.settings import Settings, settings

_LOADED = "CLARA_AWS_BLOCK_LOADED"
"""Names the block whose values are in the environment already."""
_taken: set[str] = set()


def complete_environment() -> None:
    """Raises UsageError for a block that cannot be used, ServerUnavailable without its server."""
    _take_from_env_file()
    block = settings().clara_aws_block
    if block and os.environ.get(_LOADED) != block:
        values = _values_of_block(block)
        if "AWS_ACCESS_KEY_ID" in values:
            os.environ.pop("AWS_SESSION_TOKEN", None)  # another key's
        os.environ.update(values)
        os.environ[_LOADED] = block


def _take_from_env_file() -> None:
    """AWS_* of the `.env`, as for every other setting: what is exported goes before it."""
    file = Settings.model_config.get("env_file")
    if not isinstance(file, str) or file in _taken:
        return
    from dotenv import dotenv_values

    _taken.add(file)
    for name, value in dotenv_values(file).items():
        if name.startswith("AWS_") and value:
            os.environ.setdefault(name, value)


def _values_of_block(name: str) -> dict[str, str]:
    from prefect_aws import AwsCredentials

    from tasks.offline import network_is_forbidden

    if network_is_forbidden():
        raise UsageError(f"--offline forbids the network, but CLARA_AWS_BLOCK is {name}: unset it")
    try:
        block: Any = AwsCredentials.load(name, _sync=True)  # type: ignore[call-arg]
    except ValueError as error:
        raise UsageError(
            f"CLARA_AWS_BLOCK is {name!r}, but this server has no AwsCredentials block of that "
            "name: make it in the UI under Blocks, or unset CLARA_AWS_BLOCK"
        ) from error
    except Exception as error:
        raise ServerUnavailable(
            f"CLARA_AWS_BLOCK is {name!r}, but the Prefect server that holds it cannot be asked "
            f"({type(error).__name__}): check PREFECT_API_URL"
        ) from error
    if block.assume_role_arn:
        raise UsageError(
            f"the block {name!r} assumes a role, which is not supported here: name the role in an "
            "AWS profile, and set AWS_PROFILE"
        )
    found = {
        "AWS_ACCESS_KEY_ID": block.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": _text(block.aws_secret_access_key),
        "AWS_SESSION_TOKEN": _text(block.aws_session_token),
        "AWS_PROFILE": block.profile_name,
        "AWS_DEFAULT_REGION": block.region_name,
        "AWS_ENDPOINT_URL": block.aws_client_parameters.endpoint_url,
    }
    return {key: value for key, value in found.items() if value}


def _text(value: Any) -> str | None:
    """The text of a SecretStr, or of a plain one."""
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value
