"""Training with data, base, parent and OUT in S3: by the flow and by the command."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clara_model import Clara
from flows.stage_places import working_folder
from flows.train import train
from tasks import s3
from tasks.errors import TransferIncomplete
from tasks.local_copies import local_checkpoint
from tasks.storage import Location
from tests.support.s3_peers import BUCKET, S3Peer, peer_in_use
from tests.support.training_flows import train_parameters


@pytest.fixture
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3Peer]:
    with peer_in_use(request.param, tmp_path / "objects") as running:
        yield running


@pytest.fixture
def remote(peer: S3Peer, tmp_path: Path) -> dict[str, Any]:
    """Parameters of `train` that name nothing of this machine."""
    parameters = train_parameters(tmp_path / "local", max_steps=2)
    for name in ("data", "base"):
        peer.put_folder(tmp_path / "local" / name, name)
    shutil.rmtree(tmp_path / "local")
    places = {"data": "data", "base_model": "base", "output": f"model-{peer.kind}"}
    return parameters | {name: peer.uri(place) for name, place in places.items()}


@pytest.fixture
def no_artifacts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Prefect takes no artifact; gives what is said of that."""
    from prefect import artifacts

    from flows import train_stage as stage_module

    def refuse(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("the server is away")

    for name in ("progress", "image", "link", "table"):
        monkeypatch.setattr(artifacts, f"create_{name}_artifact", refuse)
    said: list[str] = []
    attempt = stage_module.attempt
    monkeypatch.setattr(stage_module, "attempt", lambda what, do, _: attempt(what, do, said.append))
    return said


@pytest.mark.parametrize("peer", ["moto"], indirect=True)
def test_the_flow_reads_and_writes_storage_and_no_artifact_matters(
    peer: S3Peer, remote: dict[str, Any], prefect_api: str, no_artifacts: list[str]
) -> None:
    [first] = train(**remote | {"stages": "compression"}, stage_deployment=None)
    assert first["uri"] == peer.uri("model-moto/compression/model")
    assert no_artifacts[0] == "The progress artifact failed (RuntimeError: the server is away)."
    there = peer.objects("model-moto")
    for name in ("result.json", "metrics.jsonl", "train_config.json", "model/transfer.json"):
        assert f"model-moto/compression/{name}" in there
    assert "model-moto/compression/checkpoints/step-000002/transfer.json" in there
    # Another machine goes on from the parent, which is in storage alone.
    shutil.rmtree(working_folder(Location(remote["output"])))
    [second] = train(**remote | {"stages": "end_to_end"}, stage_deployment=None)
    assert (second["parent_uri"], second["parent_sha256"]) == (first["uri"], first["sha256"])
    copy = local_checkpoint(second["uri"])
    assert Clara.load(copy).stage == "end_to_end"
    # An object that was cut is told by name, and nothing is trained on it.
    key = "model-moto/compression/model/memory.safetensors"
    peer.client().put_object(Bucket=BUCKET, Key=key, Body=there[key][:-1])
    shutil.rmtree(working_folder(Location(remote["output"])))
    shutil.rmtree(copy.parent)
    with pytest.raises(TransferIncomplete, match=r"memory\.safetensors has \d+ bytes"):
        train(**remote | {"stages": "instruction"}, stage_deployment=None)


@pytest.mark.parametrize("peer", ["rclone"], indirect=True)
def test_the_command_does_too_and_needs_no_server(
    peer: S3Peer,
    remote: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from flows.cli import main

    options = remote.pop("options")
    config = tmp_path / "run.json"
    config.write_text(json.dumps({**options, **remote, "stages": ["compression"]}))

    def command(*more: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["clara", "train", "--config", str(config), *more])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    code, said, told = command()
    assert code == 0, told
    assert said.strip() == peer.uri("model-rclone/compression/model")
    result = peer.objects("model-rclone")["model-rclone/compression/result.json"]
    work = working_folder(Location(remote["output"]))
    shutil.rmtree(work)
    code, said, told = command("--stages", "compression,instruction")
    assert code == 0, told
    assert "compression: skipped" in told
    assert peer.objects("model-rclone")["model-rclone/compression/result.json"] == result
    assert "model-rclone/instruction/result.json" in peer.objects("model-rclone")
    # Named as where to start from, in another output.
    code, said, told = command(
        *("--stages", "instruction", "--init-from", peer.uri("model-rclone/compression/model")),
        *("--output", str(tmp_path / "here")),
    )
    assert code == 0, told
    assert Clara.load(said.strip()).stage == "instruction"
    peer.stop()
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3, "_PATIENCE_S", 1.0)
    code, _, told = command("--output", peer.uri("elsewhere"))
    assert code == 1
    assert "does not answer" in told and "Traceback" not in told
