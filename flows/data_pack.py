"""A data set as one archive that trains anywhere: its data, a configuration, this program.

clara data pack DATASET --output pack.tar.gz
clara train pack.tar.gz --output OUT
"""

from __future__ import annotations

import gzip
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from flows.our_wheel import our_wheel
from tasks.archives import is_archive
from tasks.assemble import ASSETS_FOLDER
from tasks.errors import TransferIncomplete, UsageError
from tasks.local_copies import TRAINING_FILES, local_data_set
from tasks.manifest import MANIFEST_FILE, FileEntry, Manifest, parse_manifest
from tasks.storage import Location, named_errors
from tasks.transfer import FileRecord, fetch_files

README_FILE, CONFIG_FILE = "README.md", "train_config.yaml"
DATA_FOLDER, WHEEL_FOLDER = "data", "wheel"
_STAGES = {
    "pretrain_data.jsonl": "compression",
    "instruction_data.jsonl": "instruction",
    "end_to_end_data.jsonl": "end_to_end",
}

_README = """# {name}

A data set for CLaRa, with everything that training needs beside a base model.

| file | rows |
| --- | --- |
{rows}

    pip install {wheel}
    clara train data --output OUT --config {config} --base-model MODEL

Run them in this folder, unpacked; `clara train {archive} --output OUT` takes the archive as it
is. `--base-model` is a folder or a name on the hub; without CUDA it may be left away where
`clara doctor` finds the small one. `data/manifest.json` says what the data was made of.
{assets}
"""


def pack_data_set(
    data_set: str,
    output: str | None = None,
    *,
    with_assets: bool = False,
    wheel: str | None = None,
) -> str:
    """Writes the archive and returns where it stands, a path or a URI.

    `output`: default `NAME.tar.gz` in the working folder. `wheel`: this program, where it cannot
    be built. Raises UsageError, TransferIncomplete for a file that is not the manifest's,
    WheelUnavailable, StorageError.
    """
    name = data_set.rstrip("/").rsplit("/", 1)[-1] or "data"
    target = output or f"{name}.tar.gz"
    if not target.endswith((".tar.gz", ".tgz")):
        raise UsageError(f"--output {target!r} is no name of an archive: end it in .tar.gz")
    if is_archive(data_set):
        raise UsageError(f"{data_set!r} is an archive already: name the folder of a data set")
    source = Location(data_set)
    try:
        manifest = parse_manifest(source.read_bytes(MANIFEST_FILE), source.uri(MANIFEST_FILE))
    except FileNotFoundError as error:
        raise UsageError(
            f"{data_set!r} holds no complete data set (no {MANIFEST_FILE}): name what `clara "
            "ingest` wrote"
        ) from error
    with tempfile.TemporaryDirectory(prefix="clara-pack-") as folder:
        root = Path(folder)
        place = _wheel(wheel, root)
        files = _data_files(data_set, manifest)
        if with_assets:
            files |= _assets(source, manifest, root / "assets")
        texts = {
            README_FILE: _readme(name, Path(target).name, place.name, manifest, with_assets),
            CONFIG_FILE: _config(manifest),
        }
        out, file_name = Location(target).parent(), target.rsplit("/", 1)[-1]
        out.make()
        with out.writing(file_name) as stream, _tar(stream) as tar:
            for text_name, text in texts.items():
                text_file = root / text_name
                text_file.write_text(text, encoding="utf-8")
                _add(tar, text_file, f"{name}/{text_name}")
            _add(tar, place, f"{name}/{WHEEL_FOLDER}/{place.name}")
            for file, path in sorted(files.items()):
                _add(tar, path, f"{name}/{DATA_FOLDER}/{file}")
        return out.uri(file_name)


def _wheel(given: str | None, root: Path) -> Path:
    if given is None:
        return our_wheel(root)
    path = Path(given).expanduser()
    if path.suffix != ".whl" or not path.is_file():
        raise UsageError(f"--wheel {given!r} is no wheel: name a .whl file")
    return path


def _data_files(data_set: str, manifest: Manifest) -> dict[str, Path]:
    """The files that training reads, each checked, and the manifest."""
    folder = local_data_set(data_set)
    named = [name for name in TRAINING_FILES if name in manifest.files]
    for name in named:
        _check(folder / name, manifest.files[name])
    return {name: folder / name for name in (*named, MANIFEST_FILE)}


def _check(path: Path, entry: FileEntry) -> None:
    try:
        size_and_sha256 = Location(path.parent).size_and_sha256(path.name)
    except FileNotFoundError:
        size_and_sha256 = (0, "missing")
    if size_and_sha256 != (entry.bytes, entry.sha256):
        raise TransferIncomplete(
            f"{path} is not the file that {MANIFEST_FILE} describes: run the same `clara ingest` "
            "command again"
        )


def _assets(source: Location, manifest: Manifest, folder: Path) -> dict[str, Path]:
    entries = {n: e for n, e in manifest.files.items() if n.startswith(f"{ASSETS_FOLDER}/")}
    folder.mkdir()
    wanted = {n: FileRecord(sha256=e.sha256, bytes=e.bytes) for n, e in entries.items()}
    fetch_files(source, wanted, folder)
    return {name: folder / name for name in entries}


def _readme(name: str, archive: str, wheel: str, manifest: Manifest, with_assets: bool) -> str:
    entries = {n: manifest.files[n] for n in TRAINING_FILES if n in manifest.files}
    return _README.format(
        name=name,
        rows="\n".join(f"| {n} | {entry.rows or 0} |" for n, entry in entries.items()),
        wheel=f"{WHEEL_FOLDER}/{wheel}",
        archive=archive,
        config=CONFIG_FILE,
        assets="" if with_assets else "\nThe pictures are left out: training does not read them.",
    )


def _config(manifest: Manifest) -> str:
    """A --config file: the stages that the data has rows for."""
    stages = [stage for name, stage in _STAGES.items() if _rows(manifest.files, name)]
    lines = ["# clara train ARCHIVE --output OUT --config train_config.yaml"]
    lines += ["# Any option of `clara train --help` may stand here, with _ for -.", "stages:"]
    return "\n".join([*lines, *(f"  - {stage}" for stage in stages), f"seed: {manifest.seed}", ""])


def _rows(files: Mapping[str, FileEntry], name: str) -> int:
    return (files[name].rows or 0) if name in files else 0


@contextmanager
def _tar(stream: IO[bytes]) -> Iterator[tarfile.TarFile]:
    """The same bytes for the same files: no time of packing, no name of a user."""
    with (
        gzip.GzipFile(filename="", fileobj=stream, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield tar


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    with named_errors("read", str(path)), path.open("rb") as file:
        info = tarfile.TarInfo(name)
        info.size, info.mode = path.stat().st_size, 0o644
        tar.addfile(info, file)
