"""S3 as every AWS client knows it: environment, profiles, AWS_ENDPOINT_URL; errors with a remedy.

One client a process, for all its threads. Credentials are what botocore finds, or the Prefect
block that CLARA_AWS_BLOCK names (tasks/aws_block.py). An object is visible when its upload is
complete, so no listing is cached: what another process wrote is seen at once.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tasks.errors import (
    BucketMissing,
    StorageError,
    StorageRefused,
    StorageUnreachable,
    UsageError,
)

PROTOCOLS = ("s3://", "s3a://")
PART_BYTES = 16 << 20
PARTS_AT_ONCE = 4
_MOST_PARTS = 10_000
READ_BLOCK_BYTES = 8 << 20
_PATIENCE_S = 60.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
_RETRY_SETTINGS = ("AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE")
_PASSING_CODES = (errno.EBUSY, getattr(errno, "EREMOTEIO", errno.EIO))
_WRONG_KEY = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "AuthorizationHeaderMalformed",
    "RequestTimeTooSkewed",
}
_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class _Clients:
    """File systems by process and configuration: a forked or reconfigured process makes its own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_key: dict[str, Any] = {}
        self.reached: set[str] = set()


_clients = _Clients()


def _new_lock_after_fork() -> None:
    _clients.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock_after_fork)


def is_s3(uri: str) -> bool:
    return uri.startswith(PROTOCOLS)


def s3_filesystem() -> Any:
    """The s3fs file system of this process and this environment."""
    from tasks.aws_environment import complete_environment

    with _clients.lock:
        complete_environment()
        key = _configuration_key()
        if key not in _clients.by_key:
            _clients.by_key[key] = _make_filesystem()
        return _clients.by_key[key]


def _configuration_key() -> str:
    """Changes with whatever botocore reads; a hash, for there are secrets among it."""
    found = sorted((k, v) for k, v in os.environ.items() if k.startswith("AWS_"))
    return hashlib.sha256(repr((os.getpid(), found)).encode()).hexdigest()


def _make_filesystem() -> Any:
    from s3fs import S3FileSystem

    config: dict[str, Any] = {
        "connect_timeout": 10,
        "read_timeout": 60,
        "max_pool_connections": 50,
        # Some servers answer for a part of an object with the checksum of all of it.
        "response_checksum_validation": "when_required",
    }
    if not any(os.environ.get(name) for name in _RETRY_SETTINGS):
        # Patience is ours (`patiently`): botocore's own quota runs dry when many calls wait.
        config["retries"] = {"mode": "standard", "max_attempts": 3}
    return S3FileSystem(
        config_kwargs=config,
        default_block_size=READ_BLOCK_BYTES,
        use_listings_cache=False,
        skip_instance_cache=True,
    )


def part_bytes(size_bytes: int) -> int:
    """Bytes of a part of an upload; an object has 10,000 parts at most."""
    return max(PART_BYTES, -(-size_bytes // _MOST_PARTS))


def check_bucket(fs: Any, root: str) -> None:
    """Raises BucketMissing, StorageRefused or StorageUnreachable, before anything is begun."""
    bucket = root.split("/", 1)[0]
    if not bucket:
        raise UsageError("an S3 address names a bucket: s3://BUCKET/FOLDER")
    where = f"s3://{bucket}"
    try:
        # Not a HEAD: its answer says no more than a number.
        patiently(lambda: fs.call_s3("list_objects_v2", Bucket=bucket, MaxKeys=1))
    except Exception as error:
        raise s3_error(error, "look into", where) or error from error


def patiently(call: Callable[[], Result]) -> Result:
    """What `call` returns; it is made again while S3 is away, for a minute at most.

    S3 that has never answered this process is not waited for: its address may be wrong. Calls
    must be such that making one twice does no harm.
    """
    endpoint = endpoint_name()
    deadline = time.monotonic() + (_PATIENCE_S if endpoint in _clients.reached else 0.0)
    pause = _FIRST_PAUSE_S
    while True:
        try:
            result = call()
        except Exception as error:
            if not _may_pass(error):
                _clients.reached.add(endpoint)
                raise
            if time.monotonic() + pause > deadline:
                raise
            _log.warning("%s does not answer (%s); trying again", endpoint, type(error).__name__)
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)
        else:
            _clients.reached.add(endpoint)
            return result


def endpoint_name() -> str:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if os.environ.get(name):
            return os.environ[name]
    return "S3"


def _may_pass(error: BaseException) -> bool:
    """Whether the same call may succeed in a moment."""
    from botocore import exceptions as boto
    from botocore.parsers import ResponseParserError
    from fsspec.exceptions import FSTimeoutError

    if isinstance(error, boto.SSLError | boto.ProxyConnectionError):
        return False
    passing = (boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError)
    if isinstance(error, (*passing, ResponseParserError, FSTimeoutError, TimeoutError)):
        return True
    return isinstance(error, OSError) and error.errno in _PASSING_CODES


def s3_error(error: BaseException, verb: str, what: str) -> StorageError | None:
    """The error as a sentence with its remedy; None for one that is not S3's.

    A missing object is none: that is FileNotFoundError, as everywhere.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        CredentialRetrievalError,
        NoCredentialsError,
        PartialCredentialsError,
        ProfileNotFound,
    )

    boto = error if isinstance(error, ClientError | BotoCoreError) else error.__cause__
    code = boto.response.get("Error", {}).get("Code", "") if isinstance(boto, ClientError) else ""
    bucket = what.removeprefix("s3://").split("/", 1)[0]
    place = endpoint_name()
    if code == "NoSuchBucket":
        return BucketMissing(
            f"could not {verb} {what}: there is no bucket {bucket!r} at {place}: create it, or "
            "correct its name or AWS_ENDPOINT_URL"
        )
    if isinstance(error, FileNotFoundError):
        return None
    if isinstance(
        boto,
        NoCredentialsError | PartialCredentialsError | ProfileNotFound | CredentialRetrievalError,
    ):
        return StorageRefused(
            f"could not {verb} {what}: no credentials for S3 were found ({boto}): set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or CLARA_AWS_BLOCK to "
            "the name of a Prefect AwsCredentials block"
        )
    if code in _WRONG_KEY:
        return StorageRefused(
            f"could not {verb} {what}: {place} refuses the credentials ({code}): check "
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
        )
    if isinstance(error, PermissionError):
        return StorageRefused(
            f"could not {verb} {what}: {place} denies it ({code or error}): check the credentials, "
            f"and that they may list, read, write and delete in the bucket {bucket!r}"
        )
    if _may_pass(error):
        return StorageUnreachable(
            f"could not {verb} {what}: {place} does not answer ({type(error).__name__}): check "
            "AWS_ENDPOINT_URL and the network, and run the same command again; what was done is "
            "kept"
        )
    if isinstance(boto, ClientError | BotoCoreError):
        return StorageError(f"could not {verb} {what}: {boto}")
    return None
