"""A stage's places: what is fetched, what is sent, and in which order, with two S3 servers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from clara_model.errors import ConfigError
from clara_model.training.config import TrainConfig
from flows.stage_places import (
    CONFIG_FILE,
    TRAINING_LOCK,
    StagePlaces,
    free_folder,
    working_folder,
)
from tasks.storage import Location
from tasks.transfer import has_folder
from tests.support.s3_peers import PEERS, PeerKind, S3Peer, running_peer

CONFIG = TrainConfig(data="/data", output=Path("/out"))


@pytest.fixture(params=PEERS)
def peer(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[S3Peer]:
    kind: PeerKind = request.param
    with running_peer(kind, tmp_path / "objects") as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def places(peer: S3Peer) -> StagePlaces:
    return StagePlaces(Location(peer.uri(f"run-{peer.kind}")), "compression")


def _state(folder: Path, step: int) -> None:
    """What stands for a complete state to resume from."""
    state = folder / "checkpoints" / f"step-{step:06d}"
    state.mkdir(parents=True)
    (state / "trained.safetensors").write_bytes(bytes(step))
    (state / "manifest.json").write_text("{}")


def _finish(folder: Path, text: str) -> None:
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "weights").write_text(text)
    (folder / "result.json").write_text(json.dumps({"is": text}))


def test_a_stage_travels_and_is_gone_on_with_elsewhere(
    peer: S3Peer, places: StagePlaces, tmp_path: Path, clara_home: Path
) -> None:
    places.fetch()
    assert not places.folder.exists()
    places.begin(CONFIG)
    _state(places.folder, 5)
    (places.folder / "metrics.jsonl").write_text('{"step":5}\n')
    places.send_progress()
    states = places.output / "compression" / "checkpoints"
    assert has_folder(states / "step-000005")
    # The trainer keeps one; so does storage. What was not finished is not sent.
    shutil.rmtree(places.folder / "checkpoints" / "step-000005")
    _state(places.folder, 10)
    (places.folder / "checkpoints" / ".step-000015.draft").mkdir()
    places.send_progress()
    assert states.names() == ["step-000010"]

    # Another machine: nothing is here but what was sent.
    shutil.rmtree(places.work)
    elsewhere = StagePlaces(places.output, "compression")
    elsewhere.fetch()
    assert (elsewhere.folder / "checkpoints/step-000010/trained.safetensors").stat().st_size == 10
    assert (elsewhere.folder / "metrics.jsonl").read_text() == '{"step":5}\n'
    # What is newer here than there stays.
    _state(elsewhere.folder, 12)
    elsewhere.fetch()
    assert (elsewhere.folder / "checkpoints" / "step-000012").is_dir()

    _finish(elsewhere.folder, "first")
    elsewhere.send_result()
    shutil.rmtree(places.work)
    again = StagePlaces(places.output, "compression")
    again.fetch()
    assert (again.folder / "model" / "weights").read_text() == "first"
    assert json.loads((again.folder / "result.json").read_text()) == {"is": "first"}

    # Trained anew: the earlier result counts no longer, here or there.
    (again.folder / "result.json").unlink()
    again.send_progress()
    assert not again.output.exists("compression/result.json")
    _finish(again.folder, "second")
    again.send_result()
    assert again.output.read_bytes("compression/result.json") == b'{"is": "second"}'
    assert again.output.read_bytes("compression/model/weights") == b"second"

    # Storage decides: a run that was deleted there begins anew here.
    for key in peer.objects(f"run-{peer.kind}"):
        peer.client().delete_object(Bucket="documents", Key=key)
    again.fetch()
    assert not again.folder.exists()
    assert working_folder(again.output).is_relative_to(clara_home)


def test_a_result_is_there_when_all_of_it_is(
    places: StagePlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.begin(CONFIG)
    _finish(places.folder, "first")
    sent: list[str] = []
    write = Location.write_bytes

    def note(self: Location, name: str, data: bytes, **how: bool) -> None:
        sent.append(f"{self.uri(name)}")
        write(self, name, data, **how)

    monkeypatch.setattr(Location, "write_bytes", note)
    places.send_result()
    assert sent[-1].endswith("compression/result.json")
    assert sent[-2].endswith("compression/model/transfer.json")


def test_a_local_output_is_worked_in(tmp_path: Path) -> None:
    output = Location(tmp_path / "out")
    places = StagePlaces(output, "end_to_end")
    assert (places.work, places.is_remote) == (tmp_path / "out", False)
    places.begin(CONFIG)
    for step in (places.fetch, places.send_progress, places.send_result):
        step()
    assert [path.name for path in places.folder.iterdir()] == [CONFIG_FILE]


def test_one_training_at_a_time_in_a_folder(tmp_path: Path) -> None:
    from filelock import FileLock

    output = Location(tmp_path)
    with free_folder(tmp_path, output):
        pass
    with (
        FileLock(tmp_path / TRAINING_LOCK),
        pytest.raises(ConfigError, match="Another training runs in"),
        free_folder(tmp_path, output, patience_s=0.1),
    ):
        pass
