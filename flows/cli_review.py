"""What `clara review` does: shows one pair after another and keeps each decision at once."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import closing

from pydantic import ValidationError
from rich.console import Console

from flows.review_input import commands
from flows.review_sitting import Sitting
from tasks.errors import EXIT_DONE, EXIT_INTERRUPTED, UsageError
from tasks.published import (
    TRAINING_FILE,
    PublishedDataSet,
    PublishedRow,
    open_data_set,
    row_at,
)
from tasks.reporting.labels import plural
from tasks.reviewing.log import ReviewLog
from tasks.reviewing.pending import PendingReviews
from tasks.reviewing.queue import Queue, ReviewFilters, review_queue
from tasks.reviewing.screen import PairScreen
from tasks.reviewing.session import Session

_FLAGS = {"question_type": "--type", "show_reviewed": "--reviewed"}


def run_review(
    output: str,
    *,
    language: str | None = None,
    question_type: str | None = None,
    max_grade: int | None = None,
    file: str | None = None,
    show_reviewed: bool = False,
    sample: int | None = None,
    seed: int = 0,
) -> int:
    """Walks through the pairs of a data set and returns the exit code. Raises ClaraError."""
    filters = _checked_filters(
        language=language,
        question_type=question_type,
        max_grade=max_grade,
        file=file,
        show_reviewed=show_reviewed,
        sample=sample,
        seed=seed,
    )
    try:
        return _review(output, filters)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _review(output: str, filters: ReviewFilters) -> int:
    console = Console(highlight=False, markup=False, emoji=False)
    data_set = open_data_set(output)
    log = ReviewLog(data_set.location)
    screen = PairScreen(console, data_set.location)
    if log.removed is not None:
        screen.say(
            f"The last line of {log.where} was cut off while it was written, and is removed: "
            f"{log.removed[:300]}",
            style="yellow",
        )
    with console.status("reading the data set"):
        pending = PendingReviews(log.reviews(), data_set.dropped_ids())
        queue = review_queue(
            _looked_at(data_set, pending),
            filters,
            lambda id_, pair: log.decides(id_, pair) is not None,
        )
    if not queue.candidates:
        screen.say(_nothing_to_review(queue, filters))
        _say_pending(screen, output, pending.count)
        return EXIT_DONE
    with closing(data_set.open(TRAINING_FILE)) as stream:
        session = Session(queue.candidates, lambda offset: row_at(stream, offset), log)
        sitting = Sitting(session, screen, commands())
        try:
            sitting.run()
        finally:
            _sum_up(screen, session, log, output, pending.count)
    return EXIT_DONE


def _checked_filters(**values: object) -> ReviewFilters:
    try:
        return ReviewFilters.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
        raise UsageError(f"{flag} {first['input']!r}: {first['msg']}") from error


def _looked_at(data_set: PublishedDataSet, pending: PendingReviews) -> Iterator[PublishedRow]:
    for published in data_set.rows():
        pending.look(published.numbered)
        yield published


def _nothing_to_review(queue: Queue, filters: ReviewFilters) -> str:
    if not queue.pairs:
        return "The data set has no pair: rejects.jsonl says why."
    if filters.max_grade is not None and not queue.graded:
        return "No pair of this data set is graded: `clara ingest --judge` has a model grade them."
    if not queue.matching:
        return f"None of the {plural(queue.pairs, 'pair')} is what the options ask for."
    return (
        f"All {plural(queue.matching, 'pair')} that the options ask for are decided already: "
        "--reviewed shows them again."
    )


def _sum_up(
    screen: PairScreen, session: Session, log: ReviewLog, output: str, pending_before: int
) -> None:
    counts = session.counts()
    screen.say("")
    screen.say(
        f"Accepted {counts['accept']:,}, edited {counts['edit']:,}, dropped {counts['drop']:,}; "
        f"{plural(session.left, 'pair')} left.",
        style="bold",
    )
    if counts:
        screen.say(f"Kept in {log.where}.")
    _say_pending(screen, output, pending_before + counts["edit"] + counts["drop"])


def _say_pending(screen: PairScreen, output: str, count: int) -> None:
    """What is not in the data set yet. The manifest does not know SOURCE: a data set may move."""
    if count:
        screen.say("The same ingest command as before applies what was decided:")
        screen.say_verbatim(f"clara ingest SOURCE --output {shlex.quote(output)}")
