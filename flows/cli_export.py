"""What `clara export` does: the published data set in the format of another trainer."""

from __future__ import annotations

import json
import shlex
import sys
from typing import Literal, get_args

from rich.console import Console
from rich.text import Text

from tasks.dataset_export.destination import Destination
from tasks.dataset_export.exported import Exported, Reading
from tasks.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_NOTHING_PRODUCED,
    ReviewsInvalid,
    UsageError,
)
from tasks.published import TRAINING_FILE, PublishedDataSet, open_data_set
from tasks.reporting.display import one_line
from tasks.reporting.labels import plural
from tasks.reviewing.pending import PendingReviews
from tasks.reviews import REVIEWS_FILE, Reviews, decode_reviews, parse_reviews

ExportFormat = Literal["sharegpt", "alpaca", "hf"]


def run_export(
    output: str,
    format: str,
    to: str | None = None,
    *,
    with_context: bool = True,
    json_summary: bool = False,
) -> int:
    """Writes the export and says what was written; returns the exit code. Raises ClaraError."""
    if format not in get_args(ExportFormat):
        known = ", ".join(get_args(ExportFormat))
        raise UsageError(f"--format {format!r} is unknown: choose one of {known}")
    if format == "hf" and not with_context:
        raise UsageError("--without-context is for sharegpt and alpaca: hf rows hold all fields")
    try:
        return _run(output, format, to, with_context, json_summary)
    except KeyboardInterrupt:
        print(
            "clara: interrupted; the export is not complete, the same command writes it anew",
            file=sys.stderr,
        )
        return EXIT_INTERRUPTED


def _run(output: str, format: str, to: str | None, with_context: bool, json_summary: bool) -> int:
    data_set = open_data_set(output)
    if not data_set.row_count(TRAINING_FILE):
        print(
            f"clara: the data set in {output} has no rows, so nothing is exported; rejects.jsonl "
            "says why",
            file=sys.stderr,
        )
        return EXIT_NOTHING_PRODUCED
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    reviews, notices = _reviews(data_set)
    pending = PendingReviews(reviews.latest(), data_set.dropped_ids())
    destination = Destination(data_set, format, to)
    reading = Reading(data_set, pending)
    with console.status("writing the export"):
        exported = _export(reading, destination, format, with_context)
    notices += _notices(exported, pending, output)
    for notice in notices:
        console.print(Text(one_line(f"note: {notice}")), soft_wrap=True)
    folder = destination.location.uri()
    if json_summary:
        summary = {
            "format": format,
            "folder": folder,
            "files": exported.files,
            "documents": exported.facts.documents,
            "held_out_documents": exported.facts.held_out_documents,
            "pairs": exported.facts.all_pairs,
            "held_out_pairs": exported.facts.held_out_pairs,
            "notices": notices,
        }
        print(json.dumps(summary, ensure_ascii=False, indent=2))
    else:
        print(_listing(folder, exported))
    return EXIT_DONE


def _export(
    reading: Reading, destination: Destination, format: str, with_context: bool
) -> Exported:
    # pyarrow costs time that the other formats need not wait for.
    if format == "hf":
        from tasks.dataset_export.hub import export_hub

        return export_hub(reading, destination)
    from tasks.dataset_export.conversations import export_conversations

    return export_conversations(reading, destination, format, with_context=with_context)


def _reviews(data_set: PublishedDataSet) -> tuple[Reviews, list[str]]:
    """What was decided, and a sentence where that cannot be read: an export does not need it."""
    where = data_set.location.uri(REVIEWS_FILE)
    try:
        data = data_set.location.read_bytes(REVIEWS_FILE)
        return parse_reviews(decode_reviews(data, where).split("\n"), where), []
    except FileNotFoundError:
        return Reviews(), []
    except ReviewsInvalid as error:
        return Reviews(), [f"{error}. Whether the data set holds every review is not known"]


def _notices(exported: Exported, pending: PendingReviews, output: str) -> list[str]:
    notices = []
    if pending.count:
        notices.append(
            f"{plural(pending.count, 'decision')} in {REVIEWS_FILE} "
            f"{'is' if pending.count == 1 else 'are'} not in the data set yet: run the same ingest "
            f"command again (clara ingest SOURCE --output {shlex.quote(output)}), then export again"
        )
    if not exported.facts.held_out_documents:
        notices.append("no document is held out: there is no test file")
    return notices


def _listing(folder: str, exported: Exported) -> str:
    lines = [one_line(folder)]
    for name, rows in exported.files.items():
        lines.append(f"{'' if rows is None else format(rows, ','):>12}  {name}")
    return "\n".join(lines)
