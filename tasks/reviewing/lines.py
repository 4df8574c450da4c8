"""Lines of reviews.jsonl: read, and told apart from what is none."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from tasks.errors import ReviewsInvalid
from tasks.records import Record, Review

REVIEWS_FILE = "reviews.jsonl"


class Reviews(Record):
    """The lines of the file, in order. `unfinished`: the end of a line that was never completed."""

    lines: tuple[Review, ...] = ()
    unfinished: str | None = None

    def latest(self) -> dict[str, Review]:
        """The line that decides about each pair, by id."""
        found: dict[str, Review] = {}
        for review in self.lines:
            found.pop(review.id, None)
            found[review.id] = review
        return found


def decode_reviews(data: bytes, where: str = REVIEWS_FILE) -> str:
    """The file's text. A character that was cut in two at the very end is left out.

    Raises ReviewsInvalid where the bytes are no UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A killed writer may leave the first bytes of a character, and nothing after them.
        if error.end == len(data) and error.reason == "unexpected end of data":
            return data[: error.start].decode("utf-8")
        raise ReviewsInvalid(f"{where} is no UTF-8 text: save it as UTF-8") from error


def parse_reviews(lines: Iterable[str], where: str = REVIEWS_FILE) -> Reviews:
    """The reviews of a file's text, split at its newlines; blank lines are skipped.

    What follows the last newline is a whole review, or, where its JSON ends too early, the
    beginning of one that a killed program never completed: that decides nothing. Raises
    ReviewsInvalid with the line's number where any other line is no review, or an edit that
    changes nothing or would leave the question or the answer blank.
    """
    reviews: list[Review] = []
    texts = [line.strip().removeprefix("\ufeff") for line in lines]
    for number, text in enumerate(texts, start=1):
        if not text:
            continue
        try:
            review = Review.model_validate_json(text)
        except ValidationError as error:
            if number == len(texts) and _is_unfinished(text, error):
                return Reviews(lines=tuple(reviews), unfinished=text)
            raise ReviewsInvalid(f"{where}, line {number}: {_complaint(error)}") from error
        if review.action == "edit":
            _check_edit(review, f"{where}, line {number}")
        reviews.append(review)
    return Reviews(lines=tuple(reviews))


def _is_unfinished(text: str, error: ValidationError) -> bool:
    first = error.errors(include_url=False, include_input=False)[0]
    ends_early = first["type"] == "json_invalid" and "EOF while parsing" in first["msg"]
    # A file system that lost power may have kept a line's length and not its bytes.
    return ends_early or "\0" in text


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
