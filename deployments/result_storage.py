"""Where Prefect keeps what flows return: a block on the server, where machines share storage.

Without one, results lie on the machine that ran the flow, which one machine is content with. The
block holds no key: S3 is reached with what the environment of each machine says.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deployments.names import RESULT_BLOCK
from tasks.errors import UsageError


def ensure_result_block(uri: str) -> str:
    """Saves the block for `uri` (s3://bucket/folder, or a folder that all machines mount).

    Returns what Prefect calls it, `type/name`. Raises UsageError.
    """
    block = _s3_block(uri) if uri.startswith("s3://") else _folder_block(uri)
    block.save(RESULT_BLOCK, overwrite=True)
    return f"{block.get_block_type_slug()}/{RESULT_BLOCK}"


def _s3_block(uri: str) -> Any:
    from prefect_aws import AwsCredentials, S3Bucket
    from prefect_aws.client_parameters import AwsClientParameters

    parts = urlsplit(uri)
    if not parts.netloc:
        raise UsageError(f"{uri} names no bucket: --result-storage s3://BUCKET/FOLDER")
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    named = os.environ.get("CLARA_AWS_BLOCK")
    credentials = (
        AwsCredentials.load(named)
        if named
        else AwsCredentials(aws_client_parameters=AwsClientParameters(endpoint_url=endpoint))
    )
    return S3Bucket(
        bucket_name=parts.netloc,
        bucket_folder=parts.path.strip("/"),
        credentials=credentials,
    )


def _folder_block(uri: str) -> Any:
    from prefect.filesystems import LocalFileSystem

    folder = Path(uri).expanduser()
    if not folder.is_absolute():
        raise UsageError(f"{uri} is relative: --result-storage takes a whole path, or s3://")
    return LocalFileSystem(basepath=str(folder))
