"""Documents, data set and cache in a bucket, with both S3 peers: the same bytes as in folders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from flows.ingest import ingest
from tasks.errors import BucketMissing, StorageRefused, StorageUnreachable, UsageError
from tasks.manifest import MANIFEST_FILE, parse_manifest
from tasks.run_mark import MARK_FILE, OutputTaken, RunMark
from tasks.storage import Location
from tests.support.s3_peers import BUCKET, PEERS, S3Peer, peer_in_use, running_peer

PUMP = (
    "The pump P-101 delivers 40 litres a minute at a working pressure of 6 bar. It was installed "
    "in 2019 by Harbour Works in Bergen. A technician inspects its seals every six months. "
)
水泵 = (
    "该水泵于2019年在卑尔根安装，工作压力为6巴，每分钟输送40升水。技术人员每六个月检查一次密封件。"
)
OPTIONS: dict[str, Any] = {"extraction": "native", "tokenizer": "none", "workers": 1}


@pytest.fixture(scope="module", params=PEERS)
def peer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Peer]:
    with peer_in_use(request.param, tmp_path_factory.mktemp("peer")) as running:
        yield running


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    (folder / "中文 目录").mkdir(parents=True)
    (folder / "pump (1)+%.md").write_text(f"# Pumps\n\n{PUMP * 3}", encoding="utf-8")
    (folder / "中文 目录/说明 书.md").write_text(f"# 水泵\n\n{水泵 * 3}", encoding="utf-8")
    (folder / "empty.txt").write_bytes(b"")
    return folder


def _data(files: dict[str, bytes]) -> dict[str, bytes]:
    return {n: d for n, d in files.items() if n.endswith(".jsonl") and "/" not in n}


def _local_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _remote_files(peer: S3Peer, prefix: str) -> dict[str, bytes]:
    return {key.removeprefix(f"{prefix}/"): d for key, d in peer.objects(f"{prefix}/").items()}


@pytest.mark.usefixtures("prefect_api", "kept_workers")
def test_a_bucket_gives_the_same_bytes_and_a_second_run_does_nothing(
    peer: S3Peer, documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.put_folder(documents, "in")
    source, output = peer.uri("in"), peer.uri("out")
    first = ingest(source, output, **OPTIONS)
    assert first["outcome"] == "done"
    local = ingest(str(documents), str(tmp_path / "local"), **OPTIONS)
    assert local["rows"] == first["rows"]
    files = _remote_files(peer, "out")
    assert _data(files) == _data(_local_files(tmp_path / "local"))
    manifest = parse_manifest(files[MANIFEST_FILE])
    assert {n for n, e in manifest.files.items() if len(files[n]) != e.bytes} == set()
    assert MARK_FILE not in files

    read: list[str] = []
    read_bytes = Location.read_bytes
    monkeypatch.setattr(
        Location, "read_bytes", lambda self, name: (read.append(name), read_bytes(self, name))[1]
    )
    assert ingest(source, output, **OPTIONS)["outcome"] == "unchanged"
    assert [name for name in read if name.endswith(".md")] == []

    peer.client().delete_object(Bucket=BUCKET, Key="in/pump (1)+%.md")
    peer.client().put_object(Bucket=BUCKET, Key="in/new.md", Body=f"# New\n\n{PUMP * 2}".encode())
    read.clear()
    ingest(source, output, **OPTIONS)
    assert [name for name in read if name.endswith(".md")] == ["new.md"]
    after = _remote_files(peer, "out")
    manifest = parse_manifest(after[MANIFEST_FILE])
    assert {path: entry.status for path, entry in manifest.sources.items()} == {
        "pump (1)+%.md": "removed",
        "new.md": "new",
        "中文 目录/说明 书.md": "unchanged",
    }
    paths = {json.loads(line)["file_path"] for line in after["raw_knowledge.jsonl"].splitlines()}
    assert paths == {"new.md", "中文 目录/说明 书.md"}


@pytest.mark.usefixtures("prefect_api", "kept_workers")
def test_a_run_leaves_out_to_one_that_began_later(
    peer: S3Peer, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.put_folder(documents, "shared/in")
    output = peer.uri("shared/out")
    place = RunMark.place

    def overtaken(self: RunMark) -> None:
        place(self)
        place(RunMark(Location(output)))

    monkeypatch.setattr(RunMark, "place", overtaken)
    with pytest.raises(OutputTaken, match=r"another run .* writes to s3://documents/shared/out"):
        ingest(peer.uri("shared/in"), output, **OPTIONS)
    assert MANIFEST_FILE not in _remote_files(peer, "shared/out")


@pytest.mark.usefixtures("prefect_api", "kept_workers")
def test_a_peer_that_dies_while_a_run_publishes_and_returns_costs_nothing(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_peer("rclone", tmp_path / "mortal") as peer:
        for name, value in peer.environment().items():
            monkeypatch.setenv(name, value)
        send, died = Location.send, []

        def dying(self: Location, path: Path, name: str) -> None:
            if not died:
                died.append(name)
                peer.stop()
                Timer(1.0, peer.start).start()
            send(self, path, name)

        monkeypatch.setattr(Location, "send", dying)
        assert ingest(str(documents), peer.uri("out"), **OPTIONS)["outcome"] == "done"
        assert died
        files = _remote_files(peer, "out")
        manifest = parse_manifest(files[MANIFEST_FILE])
        for name, entry in manifest.files.items():
            assert hashlib.sha256(files[name]).hexdigest() == entry.sha256


@pytest.mark.usefixtures("prefect_api")
def test_what_is_wrong_with_storage_is_said_before_anything_starts(
    peer: S3Peer, documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.put_folder(documents, "in")
    with pytest.raises(BucketMissing, match=f"no bucket 'nowhere' at {peer.url}"):
        ingest("s3://nowhere/in", str(tmp_path / "out"), **OPTIONS)
    with pytest.raises(BucketMissing, match="no bucket 'nowhere'"):
        ingest(str(documents), "s3://nowhere/out", **OPTIONS)
    with pytest.raises(UsageError, match="is SOURCE itself"):
        ingest(peer.uri("in"), peer.uri("in/"), **OPTIONS)
    with pytest.raises(UsageError, match="names a bucket"):
        ingest(str(documents), "s3://", **OPTIONS)
    if peer.kind == "rclone":  # moto takes any key
        with monkeypatch.context() as patch:
            patch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
            with pytest.raises(StorageRefused, match="refuses the credentials"):
                ingest(peer.uri("in"), str(tmp_path / "out"), **OPTIONS)
    with monkeypatch.context() as patch:
        patch.delenv("AWS_ACCESS_KEY_ID")
        patch.delenv("AWS_SECRET_ACCESS_KEY")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        patch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        with pytest.raises(StorageRefused, match="no credentials for S3 were found"):
            ingest(peer.uri("in"), str(tmp_path / "out"), **OPTIONS)
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(StorageUnreachable, match=r"http://127\.0\.0\.1:9 does not answer"):
            ingest(peer.uri("in"), str(tmp_path / "out"), **OPTIONS)
    assert not (tmp_path / "out" / MANIFEST_FILE).exists()
