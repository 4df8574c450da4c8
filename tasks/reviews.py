"""A person's decisions about pairs, from reviews.jsonl, applied when the data set is written.

A review names a pair by its id (`<chunk id>-<number>`). It holds as long as that id does: the
same chunk text in the same file. Where a pair was reviewed twice the later line decides, so
the file can simply be appended to. An accept or a drop may quote the question and the answer
that were judged: where another engine has since put another pair under the id, it is not
applied to that one.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.assemble import NumberedRow
from tasks.records import Evidence, QAPair, Record, Reject, Review, TrainingRow
from tasks.reviewing.lines import REVIEWS_FILE, Reviews, decode_reviews, parse_reviews
from tasks.text import language_of

__all__ = [
    "REVIEWS_FILE",
    "Reviewed",
    "Reviews",
    "apply_reviews",
    "decode_reviews",
    "edited_pair",
    "holds_for",
    "is_applied",
    "parse_reviews",
]

REVIEW_STEP = "review"
DROPPED_REASON = "dropped_by_review"


class Reviewed(Record):
    """What reviews made of the rows. `rejects` holds what they dropped and what they missed."""

    rows: tuple[NumberedRow, ...]
    rejects: tuple[Reject, ...]
    applied: int
    notices: tuple[str, ...] = ()


def holds_for(review: Review, pair: QAPair) -> bool:
    """Whether the review is about this pair: an accept or drop that quotes another text is not."""
    if review.action == "edit":
        return True
    quoted = ((review.question, pair.question), (review.answer, pair.answer))
    return all(said is None or said == stands for said, stands in quoted)


def is_applied(review: Review, published: QAPair) -> bool:
    """Whether a published pair already is what the review makes of it."""
    if review.action == "edit":
        wanted = ((review.question, published.question), (review.answer, published.answer))
        return all(text is None or text.strip() == stands for text, stands in wanted)
    return review.action == "accept" or not holds_for(review, published)


def apply_reviews(rows: Sequence[NumberedRow], reviews: Reviews) -> Reviewed:
    """Rows with every review applied; a row whose pairs were all dropped is gone.

    Rejects, all of step `review`: `dropped_by_review` for each pair dropped, `no_pair_left` for
    a chunk without any, `review_without_pair` for a review whose id is in no row any more,
    `review_of_other_text` for one that quotes what its pair no longer says, `review_unfinished`
    for a last line that was cut off.
    """
    kept: list[NumberedRow] = []
    rejects: list[Reject] = []
    notices: list[str] = []
    latest = reviews.latest()
    unmatched = dict(latest)
    of_other_text: list[Review] = []
    for numbered in rows:
        row = numbered.row
        pairs: list[QAPair] = []
        numbers: list[int] = []
        for number, (id_, pair) in zip(numbered.numbers, numbered.numbered_pairs(), strict=True):
            review = unmatched.pop(id_, None)
            if review is not None and not holds_for(review, pair):
                of_other_text.append(review)
                review = None
            if review is not None and review.action == "drop":
                rejects.append(_dropped(row, id_))
                continue
            if review is not None and review.action == "edit":
                pair = edited_pair(row, pair, review)
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
    rejects.extend(_of_other_text(review) for review in of_other_text)
    rejects.extend(_without_pair(review) for review in unmatched.values())
    missed = len(of_other_text) + len(unmatched)
    if missed:
        notices.append(
            f"{missed} of {len(latest)} reviews name a pair that is not in this data set "
            "(its text changed or its file is gone): see rejects.jsonl, step review"
        )
    if reviews.unfinished is not None:
        rejects.append(_unfinished(reviews.unfinished))
        notices.append(
            f"the last line of {REVIEWS_FILE} was cut off while it was written and decides "
            "nothing: `clara review` removes it"
        )
    return Reviewed(
        rows=tuple(kept),
        rejects=tuple(rejects),
        applied=len(latest) - missed,
        notices=tuple(notices),
    )


def edited_pair(row: TrainingRow, pair: QAPair, review: Review) -> QAPair:
    """The pair as the person wants it, languages and evidence found anew, ungraded."""
    question = pair.question if review.question is None else review.question.strip()
    answer = pair.answer if review.answer is None else review.answer.strip()
    changed: dict[str, object] = {"question": question, "answer": answer}
    if (question, answer) != (pair.question, pair.answer):
        # The judge graded what stood there before.
        changed["grade"] = None
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
        reason=DROPPED_REASON,
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


def _of_other_text(review: Review) -> Reject:
    return Reject(
        file_path=REVIEWS_FILE,
        step=REVIEW_STEP,
        reason="review_of_other_text",
        detail=f"The review ({review.action}) quotes a question or an answer that the pair of "
        "this id does not have any more.",
        id=review.id,
    )


def _unfinished(text: str) -> Reject:
    return Reject(
        file_path=REVIEWS_FILE,
        step=REVIEW_STEP,
        reason="review_unfinished",
        detail=f"The last line was cut off while it was written: {text[:200]}",
    )
