"""`clara data pack`: one archive, the same bytes each time, and `clara train` takes it."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clara_model.training.resolve import read_config_file, resolve_config
from flows.cli import app
from flows.cli_train import data_location
from flows.data_pack import pack_data_set
from flows.our_wheel import WheelUnavailable, repack
from tasks.errors import ArchiveInvalid, TransferIncomplete, UsageError
from tasks.local_copies import local_data_set
from tasks.settings import settings
from tests.support.s3_peers import running_peer
from tests.support.small_data_sets import ASSET, write_small_data_set

TRAINED_ON = {
    "pretrain_data.jsonl",
    "instruction_data.jsonl",
    "eval_data.jsonl",
    "manifest.json",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CLARA_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path / "home"
    settings.cache_clear()


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    write_small_data_set(tmp_path / "资料")
    return tmp_path / "资料"


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    path = tmp_path / "clara_pipeline-9.9-py3-none-any.whl"
    path.write_bytes(b"a wheel")
    return str(path)


def test_a_pack_holds_what_training_needs_and_is_the_same_each_time(
    data_set: Path, wheel: str, tmp_path: Path
) -> None:
    one = pack_data_set(str(data_set), str(tmp_path / "one.tar.gz"), wheel=wheel)
    pack_data_set(str(data_set), str(tmp_path / "again/one.tar.gz"), wheel=wheel)
    assert Path(one).read_bytes() == (tmp_path / "again/one.tar.gz").read_bytes()
    with tarfile.open(one) as tar:
        names = {name.removeprefix("资料/") for name in tar.getnames()}
        tar.extractall(tmp_path / "out", filter="data")
    assert names == {
        "README.md",
        "train_config.yaml",
        "wheel/clara_pipeline-9.9-py3-none-any.whl",
        *(f"data/{name}" for name in TRAINED_ON),
    }
    folder = tmp_path / "out/资料"
    read = read_config_file(folder / "train_config.yaml")
    config = resolve_config(
        preset=None,
        file=folder / "train_config.yaml",
        flags={"data": str(folder / "data"), "output": str(tmp_path / "runs")},
    ).config
    assert read["stages"] == ["compression"]
    assert config.stages == ("compression",)
    assert config.compression.seed == 7
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "pip install wheel/clara_pipeline-9.9-py3-none-any.whl" in readme
    assert "| pretrain_data.jsonl | 1 |" in readme


def test_training_takes_the_archive_and_unpacks_it_once(
    data_set: Path, wheel: str, tmp_path: Path
) -> None:
    pack = pack_data_set(str(data_set), str(tmp_path / "pack.tar.gz"), wheel=wheel)
    folder = data_location(pack, allow_incomplete=False)
    assert {path.name for path in folder.iterdir()} == TRAINED_ON
    before = (folder / "manifest.json").stat().st_ino
    assert data_location(pack, allow_incomplete=False) == folder
    assert (folder / "manifest.json").stat().st_ino == before
    Path(pack).write_bytes(Path(pack).read_bytes()[:-30])
    with pytest.raises(ArchiveInvalid, match="damaged or was copied in part"):
        data_location(pack, allow_incomplete=False)


def test_pictures_come_along_when_asked(data_set: Path, wheel: str, tmp_path: Path) -> None:
    pack = pack_data_set(str(data_set), str(tmp_path / "p.tar.gz"), with_assets=True, wheel=wheel)
    folder = local_data_set(pack)
    assert (folder / ASSET).read_bytes() == (data_set / ASSET).read_bytes()


def test_a_pack_is_made_of_a_bucket_and_into_one(
    data_set: Path, wheel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_peer("rclone", tmp_path / "peer") as peer:
        for name, value in peer.environment().items():
            monkeypatch.setenv(name, value)
        peer.put_folder(data_set, "sets/one")
        uri = peer.uri("packs/one.tar.gz")
        assert pack_data_set(peer.uri("sets/one"), uri, with_assets=True, wheel=wheel) == uri
        folder = local_data_set(uri)
        assert (folder / ASSET).read_bytes() == (data_set / ASSET).read_bytes()
        with pytest.raises(UsageError, match="holds no complete data set"):
            pack_data_set(peer.uri("sets"), uri, wheel=wheel)


def test_what_cannot_be_packed_is_told(data_set: Path, wheel: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="end it in"):
        pack_data_set(str(data_set), str(tmp_path / "pack.zip"), wheel=wheel)
    with pytest.raises(UsageError, match="is no wheel"):
        pack_data_set(str(data_set), str(tmp_path / "p.tar.gz"), wheel=str(tmp_path / "none.whl"))
    (data_set / "pretrain_data.jsonl").write_bytes(b"edited by hand\n")
    with pytest.raises(TransferIncomplete, match=r"pretrain_data\.jsonl is not the file"):
        pack_data_set(str(data_set), str(tmp_path / "p.tar.gz"), wheel=wheel)
    (data_set / "manifest.json").unlink()
    with pytest.raises(UsageError, match="holds no complete data set"):
        pack_data_set(str(data_set), str(tmp_path / "p.tar.gz"), wheel=wheel)
    assert not (tmp_path / "p.tar.gz").exists()


def test_the_command_prints_where_the_pack_is(data_set: Path, wheel: str, tmp_path: Path) -> None:
    target = str(tmp_path / "p.tgz")
    ran = CliRunner().invoke(app, ["data", "pack", str(data_set), "-o", target, "--wheel", wheel])
    assert ran.exit_code == 0, ran.output
    assert ran.output.strip() == target


def test_an_installed_program_is_made_a_wheel_again(tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "clara_pipeline-1.0.dist-info"
    (site / "flows").mkdir(parents=True)
    info.mkdir()
    (site / "flows/cli.py").write_text("one = 1\n")
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: clara-pipeline\nVersion: 1.0\n")
    (info / "INSTALLER").write_text("pip\n")
    (info / "RECORD").write_text(
        "flows/cli.py,,\nflows/__pycache__/cli.pyc,,\n../../bin/clara,,\n"
        "clara_pipeline-1.0.dist-info/METADATA,,\nclara_pipeline-1.0.dist-info/INSTALLER,,\n"
        "clara_pipeline-1.0.dist-info/RECORD,,\n"
    )
    installed: Distribution = PathDistribution(info)
    wheel = repack(installed, tmp_path)
    assert wheel.name == "clara_pipeline-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as content:
        record = content.read("clara_pipeline-1.0.dist-info/RECORD").decode().splitlines()
        assert content.read("flows/cli.py") == b"one = 1\n"
    assert [line.split(",")[0] for line in record] == [
        "clara_pipeline-1.0.dist-info/METADATA",
        "flows/cli.py",
        "clara_pipeline-1.0.dist-info/RECORD",
    ]
    (info / "RECORD").unlink()
    with pytest.raises(WheelUnavailable, match="--wheel FILE"):
        repack(installed, tmp_path)
