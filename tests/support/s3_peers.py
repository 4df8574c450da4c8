"""Two S3 servers that differ: moto takes any key and keeps objects in memory, rclone checks keys.

Both listen on loopback, on a port of their own, and can die and return there; only
rclone's objects, which are files, are still there then.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

BUCKET = "documents"
KEY, SECRET = "a-key-of-tests", "a-secret-of-tests"
PeerKind = Literal["moto", "rclone"]
PEERS: tuple[PeerKind, ...] = ("moto", "rclone")


class S3Peer:
    """A server with one bucket. `folder` gets what rclone stores."""

    def __init__(self, kind: PeerKind, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / BUCKET).mkdir(parents=True)

    def start(self) -> None:
        """Serves at the same address as before; rclone also what it had before."""
        tools = Path(sys.executable).parent
        if self.kind == "rclone":
            command = [str(tools / "rclone"), "serve", "s3", "--addr", f"127.0.0.1:{self.port}"]
            command += ["--auth-key", f"{KEY},{SECRET}", "--config", os.devnull, str(self.folder)]
        else:
            command = [str(tools / "moto_server"), "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        self._wait()
        if self.kind == "moto":
            self.client().create_bucket(Bucket=BUCKET)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def environment(self) -> dict[str, str]:
        """What a process needs to use this peer."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def uri(self, path: str = "") -> str:
        return f"s3://{BUCKET}/{path}" if path else f"s3://{BUCKET}"

    def client(self) -> Any:
        """A client that shares no code with ours."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Every object below a prefix, by key."""
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def put_folder(self, folder: Path, prefix: str) -> None:
        client = self.client()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                key = f"{prefix}/{path.relative_to(folder).as_posix()}"
                client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"the {self.kind} server ended at its start")
            time.sleep(0.05)
        raise RuntimeError(f"the {self.kind} server does not listen")


@contextmanager
def running_peer(kind: PeerKind, folder: Path) -> Iterator[S3Peer]:
    peer = S3Peer(kind, folder)
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()


@contextmanager
def peer_in_use(kind: PeerKind, folder: Path) -> Iterator[S3Peer]:
    """A peer whose address and keys are this process's `AWS_*` meanwhile."""
    with running_peer(kind, folder) as peer, pytest.MonkeyPatch.context() as patch:
        for name, value in peer.environment().items():
            patch.setenv(name, value)
        yield peer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
