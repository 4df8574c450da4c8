"""Folders to both S3 peers and back: whole by hash, or not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks import transfer
from tasks.errors import StorageError, TransferIncomplete
from tasks.storage import Location
from tasks.transfer import (
    TRANSFER_FILE,
    download_folder,
    has_folder,
    remove_stale_drafts,
    upload_folder,
)
from tests.support.s3_peers import BUCKET, PEERS, S3Peer, peer_in_use

FILES = {
    "model.safetensors": bytes(range(256)) * 4000,
    "中文 名/配置 (1).json": b"{}",
    "empty": b"",
    "a+b%20c#d?e.txt": b"odd",
}


@pytest.fixture(scope="module", params=PEERS)
def peer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Peer]:
    with peer_in_use(request.param, tmp_path_factory.mktemp("peer")) as running:
        yield running


@pytest.fixture
def target(peer: S3Peer, tmp_path: Path) -> Location:
    return Location(peer.uri(f"models/{tmp_path.name}"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def _contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_folder_comes_back_as_it_was(
    target: Location, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PART_BYTES", 300_000)
    record = upload_folder(folder, target)
    assert has_folder(target)
    assert download_folder(target, tmp_path / "back") == record
    assert _contents(tmp_path / "back") == FILES
    assert not list(tmp_path.glob(".clara-*"))


def test_a_large_file_goes_in_parts(
    peer: S3Peer, target: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import s3

    monkeypatch.setattr(s3, "PART_BYTES", 5 << 20)
    (tmp_path / "big").mkdir()
    data = b"0123456789abcdef" * (12 << 16)
    (tmp_path / "big" / "file").write_bytes(data)
    upload_folder(tmp_path / "big", target)
    assert peer.objects(target.root.split("/", 1)[1])[f"models/{tmp_path.name}/file"] == data


def test_what_stands_there_is_not_sent_again(
    target: Location, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    send = Location.send

    def noting(self: Location, path: Path, name: str) -> None:
        sent.append(name)
        send(self, path, name)

    upload_folder(folder, target)
    monkeypatch.setattr(Location, "send", noting)
    upload_folder(folder, target)
    assert sent == []
    (folder / "empty").write_bytes(b"no longer")
    (folder / "a+b%20c#d?e.txt").unlink()
    upload_folder(folder, target)
    assert sent == ["empty"]
    assert not target.exists("a+b%20c#d?e.txt")
    target.remove("model.safetensors")
    upload_folder(folder, target)
    assert sent == ["empty", "model.safetensors"]


def test_an_upload_that_fails_leaves_no_folder_and_goes_on(
    target: Location, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_folder(folder, target)
    (folder / "model.safetensors").write_bytes(b"new")
    with monkeypatch.context() as patch:

        def fails(self: Location, path: Path, name: str) -> None:
            raise StorageError("the network went away")

        patch.setattr(Location, "send", fails)
        with pytest.raises(StorageError, match="went away"):
            upload_folder(folder, target)
    assert not has_folder(target)
    with pytest.raises(TransferIncomplete, match=r"has no transfer\.json"):
        download_folder(target, tmp_path / "back")
    sent: list[str] = []
    send = Location.send
    monkeypatch.setattr(
        Location, "send", lambda self, path, name: (sent.append(name), send(self, path, name))[1]
    )
    upload_folder(folder, target)
    assert sent == ["model.safetensors"]
    download_folder(target, tmp_path / "back")
    assert (tmp_path / "back/model.safetensors").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("damage", "message"),
    [(b"short", "5 bytes"), (b"x" * 1024000, "another content"), (None, "is missing")],
)
def test_a_damaged_object_is_named_and_nothing_is_left(
    peer: S3Peer,
    target: Location,
    folder: Path,
    tmp_path: Path,
    damage: bytes | None,
    message: str,
) -> None:
    upload_folder(folder, target)
    key = f"{target.root.split('/', 1)[1]}/model.safetensors"
    if damage is None:
        peer.client().delete_object(Bucket=BUCKET, Key=key)
    else:
        peer.client().put_object(Bucket=BUCKET, Key=key, Body=damage)
    (tmp_path / "back").mkdir()
    (tmp_path / "back/old").write_bytes(b"of before")
    with pytest.raises(TransferIncomplete, match=f"model.safetensors .*{message}"):
        download_folder(target, tmp_path / "back")
    assert _contents(tmp_path / "back") == {"old": b"of before"}
    assert not list(tmp_path.glob(".clara-*"))


def test_a_record_cannot_name_a_file_elsewhere(target: Location, tmp_path: Path) -> None:
    evil = {"files": {"../../evil": {"sha256": "0" * 64, "bytes": 1}}}
    target.write_bytes(TRANSFER_FILE, json.dumps(evil).encode())
    with pytest.raises(TransferIncomplete, match="outside of its folder"):
        download_folder(target, tmp_path / "back")


def test_only_drafts_of_dead_processes_go(tmp_path: Path) -> None:
    import os

    dead = tmp_path / ".clara-draft-abc.999999999"
    living = tmp_path / f".clara-draft-abc.{os.getpid()}"
    dead.mkdir()
    living.mkdir()
    remove_stale_drafts(tmp_path)
    assert not dead.exists()
    assert living.exists()
