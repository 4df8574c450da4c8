"""Pictures made safe and uniform: opened with care, brought to RGB, stored once as JPEG.

A picture's id is the sha256 over the size and the RGB pixels that are stored (after rotation,
conversion and bounding, before JPEG's losses), first 16 hex digits. The same pixels in a PNG, a
TIFF or a document therefore share one id and one file.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from tasks.errors import DiskFull, FileRejected, StorageError
from tasks.file_access import access_rejection, regular_file_size

LONGER_SIDE_MAX_PX = 2048
SIDE_TOO_SMALL_PX = 10
PIXELS_MAX = 100_000_000
"""Above this a picture is refused from its header: decoding it would take gigabytes."""
FRAMES_MAX = 2_000
JPEG_QUALITY = 90

# What DATA.md lists. Nothing else of what Pillow can open is tried: some of its readers start
# other programs (EPS) or are rarely looked at.
FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "TIFF", "GIF")


@dataclass(frozen=True, slots=True)
class CanonicalPicture:
    """A picture as it is stored: mode RGB, upright, longer side at most 2048 pixels."""

    image_id: str
    image: Image.Image


def open_picture(path: Path) -> Image.Image:
    """Open and fully decode the first frame of a picture file; the file is closed again.

    The format is found by content, whatever the name says. Raises FileRejected with
    `image_too_large` (from the header, before any decoding), `image_too_small`,
    `image_truncated`, `image_corrupt`, `image_unsupported`, `empty_file`, `file_vanished` or
    `file_unreadable`.
    """
    with _opened(path) as image:
        _decode_frame(path, image)
        return _upright(image)


def check_frames(path: Path) -> int:
    """Decode every frame of a TIFF, one after another, and return how many there are.

    Raises FileRejected as `open_picture` does, and `too_many_pages` above 2,000 frames.
    """
    with _opened(path) as image:
        with _pillow_errors(path):
            frames = _count_frames(image)
        for frame in range(frames):
            with _pillow_errors(path):
                image.seek(frame)
            _decode_frame(path, image)
        return frames


def frame_count(path: Path) -> int:
    """Number of frames; a TIFF with more than one is a document of pages."""
    with _opened(path) as image, _pillow_errors(path):
        return _count_frames(image)


def canonical_picture(image: Image.Image) -> CanonicalPicture:
    """Turn upright, convert to RGB (8 bits, on white where transparent), bound, and name.

    Raises FileRejected `image_too_small` where a side has 10 pixels or less, before or after
    the longer side is brought down to 2048 (a hairline of 30000 x 40 pixels, say).
    """
    _check_side(image.size)
    rgb = to_rgb(_upright(image))
    if max(rgb.size) > LONGER_SIDE_MAX_PX:
        factor = LONGER_SIDE_MAX_PX / max(rgb.size)
        size = (round(rgb.width * factor), round(rgb.height * factor))
        _check_side(size)
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    return CanonicalPicture(image_id=image_id_of(rgb), image=rgb)


def image_id_of(rgb: Image.Image) -> str:
    """First 16 hex digits of the sha256 over size and pixels of an image in mode RGB."""
    digest = hashlib.sha256(f"{rgb.width}x{rgb.height}:".encode())
    digest.update(rgb.tobytes())
    return digest.hexdigest()[:16]


def save_picture(picture: CanonicalPicture, folder: Path) -> Path:
    """Write `<image_id>.jpg` into `folder` unless it is there, and return its path.

    The file appears complete or not at all. Raises DiskFull or StorageError.
    """
    target = folder / f"{picture.image_id}.jpg"
    if target.exists():
        return target
    # Two workers may store the same picture at the same time: each writes a file of its own.
    unfinished = folder / f".{picture.image_id}.{os.getpid()}-{threading.get_ident()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as stream:
            stream.write(_jpeg(picture.image))
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"No space is left to write the picture {target}: free some and run again."
            ) from error
        raise StorageError(f"The picture {target} cannot be written: {error}.") from error
    return target


def _jpeg(image: Image.Image) -> bytes:
    """The picture's file: always the same bytes for the same pixels.

    No chroma subsampling: it blurs coloured text and thin lines of diagrams.
    """
    try:
        return _encoded(image, optimize=True)
    except OSError:
        # Pillow gives its optimiser a byte a pixel, and a picture that is mostly noise needs more.
        return _encoded(image, optimize=False)


def _encoded(image: Image.Image, *, optimize: bool) -> bytes:
    stream = io.BytesIO()
    image.save(
        stream, format="JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=optimize, exif=b""
    )
    return stream.getvalue()


def to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to RGB of 8 bits a channel; transparent parts become white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bits(image)
    try:
        if image.has_transparency_data:
            rgba = image.convert("RGBA")
            white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
            return Image.alpha_composite(white, rgba).convert("RGB")
        return image.convert("RGB")
    except ValueError as error:
        raise FileRejected(
            "image_corrupt", f"The picture's colour mode {image.mode} cannot be converted: {error}."
        ) from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """A greyscale image of 16 or 32 bits or of floats, scaled to 8 bits (Pillow would clip)."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16") or (image.mode == "I" and low >= 0 and 255 < high <= 65535):
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 255 and (image.mode == "I" or high > 1):
        low, high = 0.0, 255.0
    elif image.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    # Anything else says nothing of its range: its own darkest and brightest values bound it.
    scale = 255.0 / (high - low) if high > low else 0.0
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(scale)
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _upright(image: Image.Image) -> Image.Image:
    """EXIF rotation applied. Metadata that cannot be read is no reason to lose the picture."""
    try:
        if image.getexif().get(ExifTags.Base.Orientation, 1) == 1:
            return image
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow's EXIF reader raises many types on malformed metadata
        return image


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The picture with its header read and its size checked; nothing is decoded yet."""
    with _pillow_errors(path):
        regular_file_size(path)
        image = Image.open(path, formats=FORMATS)
    with image:
        yield image


def _decode_frame(path: Path, image: Image.Image) -> None:
    _check_pixels(image.size)
    _check_side(image.size)
    with _pillow_errors(path):
        image.load()


def _count_frames(image: Image.Image) -> int:
    if image.format != "TIFF":
        return int(getattr(image, "n_frames", 1))
    # Counted here and not by Pillow's n_frames, which walks a hostile chain to its end.
    for frame in range(FRAMES_MAX + 1):
        try:
            image.seek(frame)
        except EOFError:
            image.seek(0)
            return frame
        _check_pixels(image.size)
    raise FileRejected(
        "too_many_pages", f"The picture file has more than {FRAMES_MAX} pages: split it."
    )


def _check_pixels(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > PIXELS_MAX:
        raise FileRejected("image_too_large", _too_large(f"{width} x {height} pixels"))


def _check_side(size: tuple[int, int]) -> None:
    width, height = size
    if min(width, height) <= SIDE_TOO_SMALL_PX:
        raise FileRejected(
            "image_too_small",
            f"The picture has {width} x {height} pixels; a side of {SIDE_TOO_SMALL_PX} pixels or "
            "less shows nothing.",
        )


def _too_large(what: str) -> str:
    return (
        f"The picture has {what}, more than the {PIXELS_MAX:,} that are decoded: "
        "save it at a lower resolution."
    )


@contextmanager
def _pillow_errors(path: Path) -> Iterator[None]:
    """Turn what Pillow or the file system raises about a file into FileRejected."""
    try:
        yield
    except (FileRejected, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise FileRejected("image_too_large", _too_large("far too many pixels")) from error
    except UnidentifiedImageError as error:
        raise _unidentified(path) from error
    except Exception as error:
        # Pillow's readers raise whatever a hostile file makes them stumble over (struct.error,
        # SyntaxError, OverflowError, IndexError, ...); errors of the file system carry an errno.
        if isinstance(error, OSError) and error.errno is not None:
            raise access_rejection(error) from error
        if "truncated" in str(error).lower() or _is_cut_off(path):
            raise _truncated() from error
        raise FileRejected(
            "image_corrupt", f"The picture's data cannot be decoded: {error}."
        ) from error


def _truncated() -> FileRejected:
    return FileRejected(
        "image_truncated", "The picture's data ends early: copy or save the file again."
    )


def _unidentified(path: Path) -> FileRejected:
    with path.open("rb") as stream:
        head = stream.read(32)
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"avif"):
        return FileRejected(
            "image_unsupported", "The file holds a HEIF or AVIF picture: save it as JPEG or PNG."
        )
    if not head.startswith(tuple(magic for magic, _ in _ENDINGS)):
        return FileRejected("image_corrupt", "The file's content is no picture of a known format.")
    if _is_cut_off(path):
        return _truncated()
    return FileRejected("image_corrupt", "The picture's header is broken.")


# How a file of a format starts, and what it ends with (None: the format has no end marker).
_ENDINGS: tuple[tuple[bytes, bytes | None], ...] = (
    (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    (b"\xff\xd8\xff", b"\xff\xd9"),
    (b"GIF8", b"\x00\x3b"),
    (b"RIFF", None),
    (b"BM", None),
    (b"II*\x00", None),
    (b"MM\x00*", None),
    (b"II+\x00", None),
    (b"MM\x00+", None),
)


def _is_cut_off(path: Path) -> bool:
    """Whether data that cannot be decoded lacks its end, as after an interrupted copy."""
    with path.open("rb") as stream:
        head = stream.read(32)
        size_bytes = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size_bytes - 4096))
        tail = stream.read().rstrip(b"\x00")
    if head.startswith(b"RIFF"):
        return size_bytes < int.from_bytes(head[4:8], "little") + 8
    if head.startswith(b"BM"):
        return size_bytes < int.from_bytes(head[2:6], "little")
    for magic, ending in _ENDINGS:
        if head.startswith(magic):
            # A TIFF's directories and strips point anywhere; what decodes no longer was cut.
            return ending not in tail if ending is not None else True
    return False
