"""Pictures: what is refused, what is converted, and that equal pixels have one id."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from tasks import pictures
from tasks.errors import DiskFull, FileRejected
from tasks.pictures import canonical_picture, frame_count, open_picture, save_picture


def noise(width: int = 60, height: int = 40) -> Image.Image:
    values = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def gradient() -> Image.Image:
    """Left black, right white, top half red, so that every corner differs."""
    values = np.zeros((40, 64, 3), dtype=np.uint8)
    values[:, :, :] = np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None]
    values[:20, :, 0] = 255
    return Image.fromarray(values)


def png_of_black(width: int, height: int) -> bytes:
    """A PNG of one bit a pixel that says it is large, with a few kilobytes of data."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 20), 9))
        + chunk(b"IEND", b"")
    )


def reason_of(path: Path) -> str:
    with pytest.raises(FileRejected) as caught:
        open_picture(path)
    assert len(caught.value.detail) > 20
    return caught.value.reason


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_equal_pixels_in_any_format_have_one_id(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture.{suffix}"
    noise().save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert canonical_picture(open_picture(path)).image_id == canonical_picture(noise()).image_id


def test_id_depends_on_size_and_pixels() -> None:
    wide = Image.new("RGB", (60, 20))
    high = Image.new("RGB", (20, 60))
    assert canonical_picture(wide).image_id != canonical_picture(high).image_id
    wide.putpixel((0, 0), (1, 0, 0))
    assert (
        canonical_picture(wide).image_id != canonical_picture(Image.new("RGB", (60, 20))).image_id
    )


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "really_a_png.jpg"
    noise().save(path, format="PNG")
    assert open_picture(path).size == (60, 40)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "webp"])
@pytest.mark.parametrize("share", [0.15, 0.5, 0.9])
def test_truncated(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"cut.{suffix}"
    noise().save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert reason_of(path) == "image_truncated"


def test_garbage_inside_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "garbled.png"
    noise().save(path)
    data = bytearray(path.read_bytes())
    data[60:400] = bytes(340)
    path.write_bytes(data)
    assert reason_of(path) == "image_corrupt"


def test_no_picture_at_all(tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    assert reason_of(path) == "image_corrupt"


def test_huge_picture_of_a_few_kilobytes_is_refused_from_its_header(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(png_of_black(30000, 30000))
    assert path.stat().st_size < 5000
    assert reason_of(path) == "image_too_large"


def test_own_limit_holds_below_pillows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PIXELS_MAX", 60 * 40 - 1)
    path = tmp_path / "picture.png"
    noise().save(path)
    assert reason_of(path) == "image_too_large"
    monkeypatch.setattr(pictures, "PIXELS_MAX", 60 * 40)
    assert open_picture(path).size == (60, 40)


def test_later_page_of_a_tiff_is_bounded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pages.tiff"
    noise().save(path, save_all=True, append_images=[noise(70, 50)])
    monkeypatch.setattr(pictures, "PIXELS_MAX", 60 * 40)
    with pytest.raises(FileRejected) as caught:
        pictures.check_frames(path)
    assert caught.value.reason == "image_too_large"


@pytest.mark.parametrize(("size", "accepted"), [((10, 200), False), ((11, 200), True)])
def test_side_of_ten_pixels_shows_nothing(
    tmp_path: Path, size: tuple[int, int], accepted: bool
) -> None:
    path = tmp_path / "thin.png"
    Image.new("RGB", size).save(path)
    if accepted:
        assert canonical_picture(open_picture(path)).image.size == size
    else:
        assert reason_of(path) == "image_too_small"
        with pytest.raises(FileRejected):
            canonical_picture(Image.new("RGB", size))


def test_empty_and_vanished(tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    path.touch()
    assert reason_of(path) == "empty_file"
    path.unlink()
    assert reason_of(path) == "file_vanished"


def test_longer_side_is_bounded() -> None:
    bounded = canonical_picture(Image.new("RGB", (4096, 1000)))
    assert bounded.image.size == (2048, 500)
    with pytest.raises(FileRejected) as caught:  # a hairline after bounding
        canonical_picture(Image.new("RGB", (8192, 20)))
    assert caught.value.reason == "image_too_small"


@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_rotation(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / f"turned.{suffix}"
    gradient().save(path, exif=exif)
    upright = canonical_picture(open_picture(path)).image
    turn = {1: 0, 3: 180, 6: 270, 8: 90}[orientation]
    expected = gradient().rotate(turn, expand=True)
    assert upright.size == expected.size
    difference = np.asarray(upright, dtype=int) - np.asarray(expected, dtype=int)
    assert abs(difference).mean() < 12  # JPEG and WebP lose a little


def test_malformed_exif_does_not_lose_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "odd.jpg"
    noise().save(path, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert canonical_picture(open_picture(path)).image.size == (60, 40)


def test_cmyk(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (40, 40), (0, 255, 255, 0)).save(path, quality=95)
    picture = canonical_picture(open_picture(path))
    red, green, blue = picture.image.getpixel((20, 20))
    assert picture.image.mode == "RGB" and red > 240 and green < 15 and blue < 15


def test_palette_and_transparency_on_white() -> None:
    colours = Image.new("RGB", (20, 20), (200, 30, 40)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert canonical_picture(colours).image.getpixel((0, 0)) == (200, 30, 40)
    clear = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    assert canonical_picture(clear).image.getpixel((0, 0)) == (255, 255, 255)
    half_grey = Image.new("LA", (20, 20), (0, 128))
    assert canonical_picture(half_grey).image.getpixel((0, 0)) == (127, 127, 127)


def test_transparent_palette_entry(tmp_path: Path) -> None:
    path = tmp_path / "clear.gif"
    indexed = Image.new("P", (20, 20), 3)
    indexed.putpalette([0, 0, 0] * 256)
    indexed.save(path, transparency=3)
    assert canonical_picture(open_picture(path)).image.getpixel((5, 5)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 256, dtype=np.uint16)[None, :].repeat(20, axis=0)
    for suffix in ("png", "tiff"):
        path = tmp_path / f"deep.{suffix}"
        Image.fromarray(values).save(path)
        row = np.asarray(canonical_picture(open_picture(path)).image)[0, :, 0]
        assert (row == np.arange(256)).all()


def test_floats_are_scaled(tmp_path: Path) -> None:
    path = tmp_path / "float.tiff"
    Image.fromarray(np.linspace(0, 1, 256, dtype=np.float32)[None, :].repeat(20, axis=0)).save(path)
    row = np.asarray(canonical_picture(open_picture(path)).image)[0, :, 0]
    assert (row == np.arange(256)).all()


def test_first_frame_of_a_gif_and_pages_of_a_tiff(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "green", "blue")]
    gif, tiff = tmp_path / "moving.gif", tmp_path / "pages.tiff"
    for path in (gif, tiff):
        frames[0].save(path, save_all=True, append_images=frames[1:])
        assert frame_count(path) == 3
        assert canonical_picture(open_picture(path)).image.getpixel((0, 0)) == (255, 0, 0)


def test_saved_once_whole_and_the_same(tmp_path: Path) -> None:
    picture = canonical_picture(noise())
    path = save_picture(picture, tmp_path / "a")
    assert path == tmp_path / "a" / f"{picture.image_id}.jpg"
    assert Image.open(path).format == "JPEG" and Image.open(path).mode == "RGB"
    other = save_picture(picture, tmp_path / "b")
    assert other.read_bytes() == path.read_bytes()
    written = path.stat().st_mtime_ns
    assert save_picture(picture, tmp_path / "a").stat().st_mtime_ns == written
    assert [entry.name for entry in (tmp_path / "a").iterdir()] == [path.name]


def test_noise_that_the_optimiser_has_no_room_for_is_stored(tmp_path: Path) -> None:
    picture = canonical_picture(noise(1600, 1200))
    path = save_picture(picture, tmp_path / "a")
    assert save_picture(picture, tmp_path / "b").read_bytes() == path.read_bytes()
    stored = np.asarray(open_picture(path), dtype=int)
    assert stored.shape == (1200, 1600, 3)
    assert abs(stored - np.asarray(picture.image, dtype=int)).mean() < 20
    assert [entry.name for entry in (tmp_path / "a").iterdir()] == [path.name]


def test_other_pictures_are_stored_with_optimised_tables(tmp_path: Path) -> None:
    picture = canonical_picture(gradient())
    optimised, plain = io.BytesIO(), io.BytesIO()
    for stream, optimize in ((optimised, True), (plain, False)):
        picture.image.save(
            stream,
            format="JPEG",
            quality=pictures.JPEG_QUALITY,
            subsampling=0,
            optimize=optimize,
            exif=b"",
        )
    assert save_picture(picture, tmp_path).read_bytes() == optimised.getvalue()
    assert len(optimised.getvalue()) < len(plain.getvalue())


def test_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(DiskFull):
        save_picture(canonical_picture(noise()), tmp_path)
    assert list(tmp_path.iterdir()) == []
