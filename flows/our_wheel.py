"""This program as a wheel: put together again from its installation, or built from its checkout."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

from tasks.errors import ClaraError

_PACKAGE = "clara-pipeline"
_WRITTEN_BY_INSTALLERS = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_build.json"}
_BUILD_TIMEOUT_S = 300
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say: the same bytes each time


class WheelUnavailable(ClaraError):
    """This program cannot be made a wheel of here."""


def our_wheel(folder: Path) -> Path:
    """Writes the wheel into `folder`. Raises WheelUnavailable."""
    installed = distribution(_PACKAGE)
    checkout = Path(__file__).resolve().parent.parent
    if (checkout / "pyproject.toml").is_file():
        return _build(checkout, folder)
    return repack(installed, folder)


def repack(installed: Distribution, folder: Path) -> Path:
    """The wheel that an installed package of pure Python came from."""
    files = [
        file
        for file in installed.files or ()
        if ".." not in file.parts
        and "__pycache__" not in file.parts
        and not (file.parts[0].endswith(".dist-info") and file.name in _WRITTEN_BY_INSTALLERS)
    ]
    name = (installed.metadata["Name"] or _PACKAGE).replace("-", "_")
    info = f"{name}-{installed.version}.dist-info"
    if not any(file.parts[0] == info for file in files):
        raise WheelUnavailable(
            f"{_PACKAGE} has no list of its files here: name its wheel with --wheel FILE"
        )
    path = folder / f"{name}-{installed.version}-py3-none-any.whl"
    record = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in sorted(files, key=str):
            data = Path(str(installed.locate_file(file))).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{file.as_posix()},sha256={digest},{len(data)}")
            wheel.writestr(zipfile.ZipInfo(file.as_posix(), _ZIP_TIME), data)
        record.append(f"{info}/RECORD,,")
        text = "\n".join(record) + "\n"
        wheel.writestr(zipfile.ZipInfo(f"{info}/RECORD", _ZIP_TIME), text.encode())
    return path


def _build(checkout: Path, folder: Path) -> Path:
    uv = shutil.which("uv")
    remedy = "build it elsewhere, and name it with --wheel FILE"
    if uv is None:
        raise WheelUnavailable(f"a wheel is built by uv, which is not installed here: {remedy}")
    command = [uv, "build", "--wheel", "--out-dir", str(folder), str(checkout)]
    try:
        built = subprocess.run(
            command, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WheelUnavailable(f"uv could not build the wheel ({error}): {remedy}") from error
    wheels = sorted(folder.glob("*.whl"))
    if built.returncode or not wheels:
        last = (built.stderr.strip().splitlines() or ["no word of it"])[-1]
        raise WheelUnavailable(f"uv could not build the wheel ({last}): {remedy}")
    return wheels[0]
