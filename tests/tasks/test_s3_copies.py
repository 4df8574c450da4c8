"""Remote data sets, checkpoints and bases on this machine: once, checked, by content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from tasks.errors import StorageError, TransferIncomplete, UsageError
from tasks.local_copies import local_base_model, local_checkpoint, local_data_set
from tasks.settings import settings
from tasks.storage import Location
from tasks.transfer import upload_folder
from tests.support.s3_peers import BUCKET, PEERS, S3Peer, peer_in_use, running_peer
from tests.support.small_data_sets import ASSET, write_small_data_set


@pytest.fixture(scope="module", params=PEERS)
def peer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Peer]:
    with peer_in_use(request.param, tmp_path_factory.mktemp("peer")) as running:
        yield running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CLARA_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path / "home"
    settings.cache_clear()


def test_a_checkpoint_is_downloaded_once_and_then_needs_no_network(
    peer: S3Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/weights").write_bytes(b"1234")
    record = upload_folder(tmp_path / "model", Location(peer.uri("checkpoint")))
    copy = local_checkpoint(peer.uri("checkpoint"))
    assert (copy / "weights").read_bytes() == b"1234"
    with monkeypatch.context() as patch:

        def no_network(*_: object) -> bytes:
            raise AssertionError("the copy is here")

        patch.setattr(Location, "read_bytes", no_network)
        patch.setattr(Location, "read_range", no_network)
        assert local_checkpoint(peer.uri("checkpoint"), record.sha256) == copy
    (copy / "weights").write_bytes(b"")  # as a loss of power leaves it
    assert (local_checkpoint(peer.uri("checkpoint")) / "weights").read_bytes() == b"1234"
    with pytest.raises(TransferIncomplete, match="holds another checkpoint"):
        local_checkpoint(peer.uri("checkpoint"), "0" * 64)
    with pytest.raises(TransferIncomplete, match=r"has no transfer\.json"):
        local_checkpoint(peer.uri("nothing"))
    assert local_checkpoint(str(tmp_path / "model")) == tmp_path / "model"


def test_a_data_set_comes_without_what_training_does_not_read(peer: S3Peer, tmp_path: Path) -> None:
    files = write_small_data_set(tmp_path / "set")
    peer.put_folder(tmp_path / "set", "set")
    copy = local_data_set(peer.uri("set"))
    found = {path.name: path.read_bytes() for path in copy.iterdir()}
    wanted = ("pretrain_data.jsonl", "instruction_data.jsonl", "eval_data.jsonl", "manifest.json")
    assert found == {name: files[name] for name in wanted}
    assert ASSET in files
    row = local_data_set(peer.uri("set/pretrain_data.jsonl"))
    assert row.read_bytes() == files["pretrain_data.jsonl"]

    changed = files["pretrain_data.jsonl"].replace(b"a-0", b"a-1")
    peer.client().put_object(Bucket=BUCKET, Key="set/pretrain_data.jsonl", Body=changed)
    assert local_data_set(peer.uri("set")) == copy  # the same manifest: what it describes is here
    assert local_data_set(peer.uri("set/pretrain_data.jsonl")).read_bytes() == changed
    loose = local_data_set(peer.uri("set"), allow_incomplete=True)
    assert (loose / "pretrain_data.jsonl").read_bytes() == changed


def test_a_data_set_that_is_not_its_manifests_is_refused(peer: S3Peer, tmp_path: Path) -> None:
    files = write_small_data_set(tmp_path / "set")
    (tmp_path / "set/manifest.json").write_bytes(files["manifest.json"] + b"\n")
    peer.put_folder(tmp_path / "set", "broken")
    client = peer.client()
    half = files["pretrain_data.jsonl"][:20]
    client.put_object(Bucket=BUCKET, Key="broken/pretrain_data.jsonl", Body=half)
    with pytest.raises(TransferIncomplete, match=r"broken/pretrain_data\.jsonl has 20 bytes"):
        local_data_set(peer.uri("broken"))
    client.delete_object(Bucket=BUCKET, Key="broken/manifest.json")
    with pytest.raises(UsageError, match=r"holds no complete data set \(no manifest\.json\)"):
        local_data_set(peer.uri("broken"))
    with pytest.raises(UsageError, match="holds no data set"):
        local_data_set(peer.uri("nowhere"), allow_incomplete=True)
    assert not list((settings().home / "copies").rglob(".clara-*"))


def test_a_base_model_that_another_program_uploaded_is_taken(peer: S3Peer, tmp_path: Path) -> None:
    (tmp_path / "base/sub").mkdir(parents=True)
    (tmp_path / "base/config.json").write_text("{}")
    (tmp_path / "base/sub/weights").write_bytes(b"w" * 100)
    peer.put_folder(tmp_path / "base", "base")
    copy = Path(local_base_model(peer.uri("base")))
    assert (copy / "sub/weights").read_bytes() == b"w" * 100
    assert local_base_model(peer.uri("base")) == str(copy)
    assert local_base_model("owner/name") == "owner/name"
    with pytest.raises(UsageError, match="holds no base model"):
        local_base_model(peer.uri("no-base"))


def test_a_peer_that_dies_in_a_download_and_returns_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    (tmp_path / "model").mkdir()
    for number in range(4):
        (tmp_path / f"model/{number}").write_bytes(bytes([number]) * 1000)
    with running_peer("rclone", tmp_path / "peer") as peer, monkeypatch.context() as patch:
        for name, value in peer.environment().items():
            patch.setenv(name, value)
        upload_folder(tmp_path / "model", Location(peer.uri("model")))
        read_range, died = Location.read_range, []

        def dying(self: Location, name: str, start: int, end: int) -> bytes:
            if not died:
                died.append(name)
                peer.stop()
                Timer(1.0, peer.start).start()
            return read_range(self, name, start, end)

        with patch.context() as inner:
            inner.setattr(Location, "read_range", dying)
            copy = local_checkpoint(peer.uri("model"))
        assert (copy / "3").read_bytes() == b"\x03" * 1000

        peer.stop()
        patch.setattr("tasks.s3._PATIENCE_S", 0.0)
        with pytest.raises(StorageError, match="does not answer"):
            upload_folder(tmp_path / "model", Location(peer.uri("other")))
        peer.start()
        patch.undo()
        for name, value in peer.environment().items():
            patch.setenv(name, value)
        upload_folder(tmp_path / "model", Location(peer.uri("other")))
        assert len(peer.objects("other/")) == 5
