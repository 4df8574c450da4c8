"""A seeded sample of documents with their pictures, chunks and pairs, kept in bounded memory.

Documents are drawn by a hash of the seed and their path, so that the same corpus shows the same
gallery whatever the order of its rows; the draw goes round file kinds and languages, so that a
corpus of a thousand PDFs and one slide deck shows the deck.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from tasks.records import DocumentRow, ImageRow, Language, QAPair, Record, TrainingRow
from tasks.reporting.labels import engine_label, profile_label

PICTURES_PER_DOCUMENT = 4
# A file ending is the user's text: without a bound each would open a group of its own.
MAXIMUM_GROUPS = 64


class GalleryPicture(Record):
    image_id: str
    filename: str
    page_no: int | None = None
    description: str
    describer: str


class GalleryChunk(Record):
    id: str
    pages: tuple[int, ...]
    headings: tuple[str, ...]
    language: Language
    text: str
    dense_summary: str | None
    pairs: tuple[QAPair, ...]
    synthesizer: str
    flags: tuple[str, ...] = ()


class GalleryDocument(Record):
    """A document or a standalone image, with a few of its pictures and chunks."""

    file_path: str
    kind: str
    language: Language | None = None
    page_count: int | None = None
    profile: str = ""
    held_out: bool = False
    pictures: tuple[GalleryPicture, ...] = ()
    picture_total: int = 0
    chunks: tuple[GalleryChunk, ...] = ()
    chunk_total: int = 0


class GallerySample:
    """Rows go in one by one (documents and images, then training rows); a bounded sample stays."""

    def __init__(self, seed: int, documents: int, chunks: int, held_out: frozenset[str]) -> None:
        self._seed = seed
        self._document_limit = documents
        self._chunk_limit = chunks
        self._held_out = held_out
        self._groups: dict[tuple[str, str], list[_Candidate]] = {}
        self._wanted_images: dict[str, list[_Candidate]] = {}
        self._chosen: dict[str, _Candidate] = {}

    def add_document(self, row: DocumentRow) -> None:
        card = GalleryDocument(
            file_path=row.file_path,
            kind=_kind(row.filename),
            language=row.language,
            page_count=row.page_count,
            profile=profile_label(row.profile),
            held_out=row.file_path in self._held_out,
            picture_total=len(row.extracted_images),
        )
        wanted = row.extracted_images[:PICTURES_PER_DOCUMENT]
        self._offer(_Candidate(self._draw(row.file_path), card, wanted), row.language)

    def add_image(self, row: ImageRow) -> None:
        """Embedded pictures must come after the documents that hold them."""
        picture = _picture(row)
        if row.origin == "standalone":
            card = GalleryDocument(
                file_path=row.file_path,
                kind=_kind(row.filename),
                held_out=row.file_path in self._held_out,
                picture_total=1,
            )
            candidate = _Candidate(self._draw(row.file_path), card, (row.image_id,))
            candidate.pictures[row.image_id] = picture
            self._offer(candidate, "image")
            return
        if not self._wanted_images:
            for group in self._groups.values():
                for candidate in group:
                    for image_id in candidate.wanted:
                        self._wanted_images.setdefault(image_id, []).append(candidate)
        for candidate in self._wanted_images.get(row.image_id, ()):
            # One picture may stand in several documents, with a row in each: its own row wins.
            own = row.file_path == candidate.card.file_path
            if own or row.image_id not in candidate.pictures:
                candidate.pictures[row.image_id] = picture

    def close_documents(self) -> None:
        """Choose the documents; training rows of the others are passed over from here on."""
        chosen: list[_Candidate] = []
        queues = [self._groups[key] for key in sorted(self._groups)]
        for depth in range(self._document_limit):
            layer = [queue[depth] for queue in queues if len(queue) > depth]
            chosen.extend(sorted(layer, key=lambda candidate: candidate.draw))
        chosen = chosen[: self._document_limit]
        chosen.sort(key=lambda candidate: candidate.card.file_path)
        self._chosen = {candidate.card.file_path: candidate for candidate in chosen}
        self._groups.clear()
        self._wanted_images.clear()

    def add_training_row(self, row: TrainingRow) -> None:
        candidate = self._chosen.get(row.file_path)
        if candidate is None:
            return
        chunk = GalleryChunk(
            id=row.id,
            pages=row.pages,
            headings=row.headings,
            language=row.language,
            text=row.chunk,
            dense_summary=row.dense_summary,
            pairs=row.qa_pairs,
            synthesizer=engine_label(row.synthesizer.engine, row.synthesizer.model),
            flags=row.flags,
        )
        candidate.chunks.append((self._draw(row.id), candidate.chunk_total, chunk))
        candidate.chunk_total += 1
        if len(candidate.chunks) > self._chunk_limit:
            candidate.chunks.remove(max(candidate.chunks, key=lambda drawn: drawn[:2]))

    def documents(self) -> tuple[GalleryDocument, ...]:
        """The sample, by path; the chunks of a document in its own order."""
        return tuple(candidate.finished() for candidate in self._chosen.values())

    def _draw(self, name: str) -> str:
        text = f"{self._seed}\0{name}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(text).hexdigest()

    def _offer(self, candidate: _Candidate, language: str) -> None:
        key = (candidate.card.kind, language)
        if key not in self._groups and len(self._groups) >= MAXIMUM_GROUPS:
            key = ("other", "other")
        group = self._groups.setdefault(key, [])
        group.append(candidate)
        group.sort(key=lambda entry: (entry.draw, entry.card.file_path))
        del group[self._document_limit :]


class _Candidate:
    """A document that may be shown, and what has been gathered for it so far."""

    def __init__(self, draw: str, card: GalleryDocument, wanted: tuple[str, ...]) -> None:
        self.draw = draw
        self.card = card
        self.wanted = wanted
        self.pictures: dict[str, GalleryPicture] = {}
        self.chunks: list[tuple[str, int, GalleryChunk]] = []
        self.chunk_total = 0

    def finished(self) -> GalleryDocument:
        in_order = sorted(self.chunks, key=lambda drawn: drawn[1])
        return self.card.model_copy(
            update={
                "pictures": tuple(self.pictures[i] for i in self.wanted if i in self.pictures),
                "chunks": tuple(chunk for _, _, chunk in in_order),
                "chunk_total": self.chunk_total,
            }
        )


def _kind(filename: str) -> str:
    return PurePosixPath(filename).suffix.lower().lstrip(".") or "none"


def _picture(row: ImageRow) -> GalleryPicture:
    return GalleryPicture(
        image_id=row.image_id,
        filename=row.filename,
        page_no=row.page_no,
        description=row.content.removeprefix(f"[IMAGE DESCRIPTION of {row.filename}]").strip(),
        describer=engine_label(row.describer.engine, row.describer.model),
    )
