"""S3 credentials from a Prefect block or a `.env`: in the environment, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks import aws_environment
from tasks.aws_environment import complete_environment
from tasks.errors import UsageError
from tasks.settings import Settings, settings
from tasks.storage import Location
from tests.support.s3_peers import KEY, SECRET, S3Peer, running_peer

_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "CLARA_AWS_BLOCK",
    "CLARA_AWS_BLOCK_LOADED",
)


@pytest.fixture
def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Peer]:
    """One that checks keys; this process knows none."""
    for name in _VARIABLES:
        monkeypatch.setenv(name, "")  # so that what is set later is taken back
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    settings.cache_clear()
    with running_peer("rclone", tmp_path / "peer") as running:
        yield running
    settings.cache_clear()


@pytest.mark.usefixtures("prefect_api")
def test_a_block_stands_for_the_environment_also_in_other_processes(
    peer: S3Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect_aws import AwsCredentials
    from prefect_aws.client_parameters import AwsClientParameters

    AwsCredentials(
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        aws_client_parameters=AwsClientParameters(endpoint_url=peer.url),
    ).save("team-storage", overwrite=True, _sync=True)
    monkeypatch.setenv("CLARA_AWS_BLOCK", "team-storage")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another key")
    settings.cache_clear()
    Location(peer.uri("one")).write_bytes("file", b"data")
    assert peer.objects() == {"one/file": b"data"}
    assert "AWS_SESSION_TOKEN" not in os.environ

    reading = "from tasks.storage import Location; import sys; "
    reading += "sys.stdout.buffer.write(Location(sys.argv[1]).read_bytes('file'))"
    # It has no way to ask for the block: it inherits what the block gave.
    environment = {**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    command = [sys.executable, "-c", reading, peer.uri("one")]
    read = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=True)
    assert read.stdout == b"data"

    monkeypatch.setenv("CLARA_AWS_BLOCK", "not-there")
    settings.cache_clear()
    with pytest.raises(UsageError, match="no AwsCredentials block of that name"):
        Location(peer.uri("one"))


def test_aws_variables_of_a_dotenv_file_are_read_and_what_is_exported_goes_first(
    peer: S3Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        f"AWS_ACCESS_KEY_ID={KEY}\nAWS_SECRET_ACCESS_KEY={SECRET}\nAWS_DEFAULT_REGION=eu\n"
        f"AWS_ENDPOINT_URL={peer.url}\nOTHER=x\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    monkeypatch.setattr(aws_environment, "_taken", set())
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("OTHER", raising=False)
    Location(peer.uri("two")).write_bytes("file", b"data")
    assert peer.objects() == {"two/file": b"data"}
    assert os.environ["AWS_DEFAULT_REGION"] == "us-east-1"
    assert "OTHER" not in os.environ


def test_offline_does_not_ask_for_a_block(peer: S3Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks import offline

    monkeypatch.setenv("CLARA_AWS_BLOCK", "team-storage")
    settings.cache_clear()
    monkeypatch.setitem(offline._state, "forbidden", True)
    with pytest.raises(UsageError, match="--offline forbids the network"):
        complete_environment()
