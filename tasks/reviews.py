"""A person's decisions about pairs, from reviews.jsonl, applied when the data set is written.

A review names a pair by its id (`<chunk id>-<number>`). It holds as long as that id does: the
same chunk text in the same file. Where a pair was reviewed twice the later line decides, so
the file can simply be appended to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import ValidationError

from tasks.assemble import NumberedRow
from tasks.errors import ReviewsInvalid
from tasks.records import Evidence, QAPair, Record, Reject, Review, TrainingRow
from tasks.text import language_of

REVIEWS_FILE = "reviews.jsonl"
REVIEW_STEP = "review"


class Reviewed(Record):
    """What reviews made of the rows. `rejects` holds what they dropped and what they missed."""

    rows: tuple[NumberedRow, ...]
    rejects: tuple[Reject, ...]
    applied: int
    notices: tuple[str, ...] = ()


def parse_reviews(lines: Iterable[str], where: str = REVIEWS_FILE) -> dict[str, Review]:
    """Reviews by pair id, the last of each id; blank lines are skipped.

    Raises ReviewsInvalid with the line's number where a line is no review, or an edit that
    changes nothing or would leave the question or the answer blank.
    """
    reviews: dict[str, Review] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("\ufeff")
        if not text:
            continue
        try:
            review = Review.model_validate_json(text)
        except ValidationError as error:
            raise ReviewsInvalid(f"{where}, line {number}: {_complaint(error)}") from error
        if review.action == "edit":
            _check_edit(review, f"{where}, line {number}")
        reviews.pop(review.id, None)
        reviews[review.id] = review
    return reviews


def _complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    wanted = 'a review is {"id", "action": "accept|edit|drop", "question", "answer"}'
    return f"{field + ': ' if field else ''}{first['msg']}; {wanted}"


def _check_edit(review: Review, where: str) -> None:
    if review.question is None and review.answer is None:
        raise ReviewsInvalid(
            f"{where}: the edit of {review.id} gives neither a question nor an answer; give one, "
            'or use the action "drop"'
        )
    for name, value in (("question", review.question), ("answer", review.answer)):
        if value is not None and not value.strip():
            raise ReviewsInvalid(
                f"{where}: the edit of {review.id} leaves the {name} blank; "
                'use the action "drop" to remove the pair'
            )


def apply_reviews(rows: Sequence[NumberedRow], reviews: Mapping[str, Review]) -> Reviewed:
    """Rows with every review applied; a row whose pairs were all dropped is gone.

    Rejects, all of step `review`: `dropped_by_review` for each pair dropped, `no_pair_left` for
    a chunk without any, `review_without_pair` for a review whose id is in no row any more.
    """
    kept: list[NumberedRow] = []
    rejects: list[Reject] = []
    notices: list[str] = []
    unmatched = dict(reviews)
    for numbered in rows:
        row = numbered.row
        pairs: list[QAPair] = []
        numbers: list[int] = []
        for number, (id_, pair) in zip(numbered.numbers, numbered.numbered_pairs(), strict=True):
            review = unmatched.pop(id_, None)
            if review is not None and review.action == "drop":
                rejects.append(_dropped(row, id_))
                continue
            if review is not None and review.action == "edit":
                pair = _edited(row, pair, review)
            pairs.append(pair)
            numbers.append(number)
        if not pairs:
            rejects.append(_emptied(row))
            continue
        if len(pairs) == len(row.qa_pairs) and all(
            new is old for new, old in zip(pairs, row.qa_pairs, strict=True)
        ):
            kept.append(numbered)
            continue
        kept.append(
            NumberedRow(
                row=row.model_copy(update={"qa_pairs": tuple(pairs)}), numbers=tuple(numbers)
            )
        )
    rejects.extend(_without_pair(review) for review in unmatched.values())
    if unmatched:
        notices.append(
            f"{len(unmatched)} of {len(reviews)} reviews name a pair that is not in this data set "
            "(its text changed or its file is gone): see rejects.jsonl, step review"
        )
    return Reviewed(
        rows=tuple(kept),
        rejects=tuple(rejects),
        applied=len(reviews) - len(unmatched),
        notices=tuple(notices),
    )


def _edited(row: TrainingRow, pair: QAPair, review: Review) -> QAPair:
    """The pair as the person wants it, its languages and its evidence found anew."""
    question = pair.question if review.question is None else review.question.strip()
    answer = pair.answer if review.answer is None else review.answer.strip()
    changed: dict[str, object] = {"question": question, "answer": answer}
    if question != pair.question:
        changed["question_language"] = language_of(question)
    if answer != pair.answer:
        changed["answer_language"] = language_of(answer)
        changed["evidence"] = _find_evidence(row.chunk, answer, pair.evidence)
    return pair.model_copy(update=changed)


def _find_evidence(chunk: str, answer: str, before: Evidence | None) -> Evidence | None:
    """The answer's verbatim span nearest to the old evidence (to the start without one)."""
    near = before.start if before else 0
    starts: list[int] = []
    start = chunk.find(answer)
    while start >= 0:
        starts.append(start)
        start = chunk.find(answer, start + 1)
    if not starts:
        return None
    best = min(starts, key=lambda found: (abs(found - near), found))
    return Evidence(start=best, end=best + len(answer))


def _dropped(row: TrainingRow, id_: str) -> Reject:
    return Reject(
        file_path=row.file_path,
        step=REVIEW_STEP,
        reason="dropped_by_review",
        detail=f"A person dropped this pair in {REVIEWS_FILE}.",
        id=id_,
    )


def _emptied(row: TrainingRow) -> Reject:
    return Reject(
        file_path=row.file_path,
        step=REVIEW_STEP,
        reason="no_pair_left",
        detail=f"Every pair of this chunk was dropped in {REVIEWS_FILE}; the chunk is left out.",
        id=row.id,
    )


def _without_pair(review: Review) -> Reject:
    return Reject(
        file_path=REVIEWS_FILE,
        step=REVIEW_STEP,
        reason="review_without_pair",
        detail=f"The review ({review.action}) names a pair that is not in this data set any more.",
        id=review.id,
    )
