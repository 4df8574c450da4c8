"""What a checkpoint says of itself: `clara.json` and `manifest.json` (issue: checkpoints)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from clara_model.config import ClaraConfig, Stage

FORMAT = "clara-checkpoint"
FORMAT_VERSION = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataProvenance(_Record):
    """The data that a stage was trained on."""

    name: str
    """Name of the data set's folder or of the file; never its full path."""
    manifest_sha256: str | None = None
    """sha256 of the data set's manifest.json; None where it has none."""
    files: dict[str, str] = Field(default_factory=dict)
    """sha256 of each stage file that was read, by its name."""
    engines: dict[str, Any] = Field(default_factory=dict)
    """`models` of the data set's manifest: which engine and model made what."""
    rows: int | None = None
    licence: str | None = None


class LicenceNotice(_Record):
    """A licence that travels with the weights, word for word."""

    name: str = Field(pattern=r"^[^./\\][^/\\]*$")
    """File name in the checkpoint's `licenses/`: a file is written by it."""
    source: str
    """What it is the licence of."""
    text: str


class ParentCheckpoint(_Record):
    """The checkpoint that training started from."""

    sha256: str
    """`checkpoint_sha256` of it."""
    name: str
    """Name of its folder, of OUT/STAGE/model the stage; never its full path."""
    provenance: Provenance | None = None


class Provenance(_Record):
    """Where a checkpoint comes from. The parents' provenance is inside, back to the base."""

    stage: Stage | None = None
    data: DataProvenance | None = None
    parent: ParentCheckpoint | None = None
    training: dict[str, Any] = Field(default_factory=dict)
    """The options of training, as JSON values."""
    steps: int | None = None
    metrics: dict[str, float | None] = Field(default_factory=dict)
    imported_from: str | None = None
    """What an imported checkpoint was before, for people."""
    licences: tuple[LicenceNotice, ...] = ()
    packages: dict[str, str] = Field(default_factory=dict)
    """Versions; empty means those at hand when the checkpoint is saved."""
    created_at: str | None = None
    """UTC, ISO 8601; None means when the checkpoint is saved."""


class BaseRecord(_Record):
    """The base model that a checkpoint belongs to."""

    name: str
    """Folder or hub name; a folder inside the checkpoint begins with `./`."""
    config_fingerprint: str
    """Of what its config.json says of the architecture."""
    weights_fingerprint: str
    """Of its weights' names, shapes, dtypes and sampled bytes, however they are sharded."""
    model_type: str
    licence: str | None = None


class CheckpointRecord(_Record):
    """clara.json."""

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    config: ClaraConfig
    stage: Stage | None
    dtype: Literal["float32", "bfloat16", "float16"]
    """dtype of the base when this was saved."""
    base: BaseRecord
    table_rows: int = Field(ge=1)
    """Rows of the embedding table that the model computes with."""
    adapters: tuple[str, ...]
    provenance: Provenance


class FileRecord(_Record):
    """A file of the checkpoint."""

    sha256: str
    bytes: int


class CheckpointManifest(_Record):
    """manifest.json: every other file of the checkpoint, by POSIX path. Written last."""

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    files: dict[str, FileRecord]
