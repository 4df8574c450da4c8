"""The file that keeps a person's decisions: appended to at once, a whole line or nothing.

Several people may review one data set: on this machine or a shared folder every change is made
under a lock, and only touches lines of its own. An object store cannot append: there the whole
object is read and written, and two reviewers at the same moment would overwrite each other.
"""

from __future__ import annotations

import errno
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import DiskFull, OutputNotWritable, ReviewsInvalid, StorageError
from tasks.records import QAPair, Review
from tasks.reviewing.lines import REVIEWS_FILE, Reviews, decode_reviews, parse_reviews
from tasks.reviews import holds_for
from tasks.storage import Location

LOCK_FILE = ".reviews.lock"
_LOCK_TIMEOUT_S = 20.0


class ReviewLog:
    """Reviews of one data set: those that stand in the file, and those that are added."""

    def __init__(self, output: Location) -> None:
        """Reads the file, and repairs its end where a line was never completed.

        Raises ReviewsInvalid where a line is no review, OutputNotWritable where decisions could
        not be kept. `removed` is the text of a line that was cut off and is taken out.
        """
        self.output = output
        self.where = output.uri(REVIEWS_FILE)
        self.removed: str | None = None
        self._history: dict[str, list[Review]] = defaultdict(list)
        self._check_writable()
        reviews = self._read()
        for review in reviews.lines:
            self._history[review.id].append(review)

    def latest(self, pair_id: str) -> Review | None:
        """The review that decides about a pair, of this session or before."""
        history = self._history.get(pair_id)
        return history[-1] if history else None

    def reviews(self) -> dict[str, Review]:
        """The review that decides about each pair, by id."""
        return {id_: history[-1] for id_, history in self._history.items() if history}

    def was_edited(self, pair_id: str) -> bool:
        """Whether any line, also one that no longer decides, put a person's text in its place."""
        return any(review.action == "edit" for review in self._history.get(pair_id, ()))

    def decides(self, pair_id: str, pair: QAPair) -> Review | None:
        """The review that decides about a pair as it stands in the data set."""
        review = self.latest(pair_id)
        if review is None or (not self.was_edited(pair_id) and not holds_for(review, pair)):
            return None
        return review

    def append(self, review: Review) -> None:
        """Adds a line. Raises StorageError; then the file is as it was."""
        line = _line(review)
        with self._changing():
            if self.output.is_local:
                self._append_local(line)
            else:
                self.output.write_bytes(REVIEWS_FILE, _ended(self._bytes()) + line)
        self._history[review.id].append(review)

    def take_back(self, review: Review) -> None:
        """Removes the last line that says this, wherever others have put theirs since."""
        line = _line(review)
        with self._changing():
            data = _ended(self._bytes())
            at = (b"\n" + data).rfind(b"\n" + line)
            if at >= 0:
                if at + len(line) == len(data) and self.output.is_local:
                    self._cut_to(at)
                else:
                    rest = data[:at] + data[at + len(line) :]
                    self.output.write_bytes(REVIEWS_FILE, rest)
        history = self._history[review.id]
        if review in history:
            last = len(history) - 1 - history[::-1].index(review)
            del history[last]

    def _read(self) -> Reviews:
        """What stands in the file, after its end was mended."""
        data = self._bytes()
        text = decode_reviews(data, self.where)
        reviews = parse_reviews(text.split("\n"), self.where)
        if reviews.unfinished is not None or len(text.encode()) != len(data):
            with self._changing():
                data = self._bytes()
                whole = data[: data.rfind(b"\n") + 1]
                self.removed = data[len(whole) :].decode("utf-8", "replace") or None
                if self.output.is_local:
                    self._cut_to(len(whole))
                else:
                    self.output.write_bytes(REVIEWS_FILE, whole)
            # Anew: what was cut off may have been a line that another reviewer was still writing.
            reviews = parse_reviews(decode_reviews(whole, self.where).split("\n"), self.where)
        return reviews

    def _check_writable(self) -> None:
        if self.output.is_local:
            folder = self.output.local_path
            existing = folder / REVIEWS_FILE
            if not os.access(folder, os.W_OK | os.X_OK) or (
                existing.exists() and not os.access(existing, os.W_OK)
            ):
                raise OutputNotWritable(
                    f"{self.where} cannot be written to: decisions could not be kept; get the "
                    "right to write there"
                )

    def _bytes(self) -> bytes:
        try:
            return self.output.read_bytes(REVIEWS_FILE)
        except FileNotFoundError:
            return b""

    @contextmanager
    def _changing(self) -> Iterator[None]:
        if not self.output.is_local:
            yield
            return
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.output.local_path / LOCK_FILE, timeout=_LOCK_TIMEOUT_S):
                yield
        except Timeout as error:
            raise StorageError(
                f"another review has been writing to {self.where} for {_LOCK_TIMEOUT_S:.0f} s: "
                "this decision is not kept; decide again"
            ) from error
        except OSError as error:
            raise _named(error, self.where) from error

    @property
    def _path(self) -> Path:
        return self.output.local_path / REVIEWS_FILE

    def _append_local(self, line: bytes) -> None:
        is_new = not self._path.exists()
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                size, line = self._mend_end(descriptor, size, line)
            try:
                if os.write(descriptor, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
        if is_new:
            _sync_folder(self._path.parent)

    def _mend_end(self, descriptor: int, size: int, line: bytes) -> tuple[int, bytes]:
        """Where to write what: another reviewer was killed, or a person saved without a newline."""
        data = self._bytes()
        try:
            text = decode_reviews(data, self.where)
            unfinished = parse_reviews(text.split("\n"), self.where).unfinished is not None
            unfinished = unfinished or len(text.encode()) != len(data)
        except ReviewsInvalid:
            unfinished = False  # a person's line: the next run names it
        if not unfinished:
            return size, b"\n" + line
        size = data.rfind(b"\n") + 1
        os.ftruncate(descriptor, size)
        return size, line

    def _cut_to(self, size: int) -> None:
        descriptor = os.open(self._path, os.O_RDWR)
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _line(review: Review) -> bytes:
    return review.model_dump_json().encode("utf-8") + b"\n"


def _ended(data: bytes) -> bytes:
    return data if not data or data.endswith(b"\n") else data + b"\n"


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _named(error: OSError, where: str) -> StorageError:
    what = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"no space is left to write {where}: this decision is not kept, those before it are; "
            "free some and decide again"
        )
    return StorageError(
        f"could not write {where}: {what}: this decision is not kept, those before it are"
    )
