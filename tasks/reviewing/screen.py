"""A pair on the terminal: its chunk with the evidence marked, where it comes from, what is asked.

Text of documents is shown as it is and obeyed never: control characters and marks that reorder
what stands near are replaced, and rich reads no markup in it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from tasks.assemble import asset_path
from tasks.records import DroppedPair, Evidence, QAPair, Review, TrainingRow
from tasks.reporting.display import one_line, readable
from tasks.reporting.evidence import is_inside
from tasks.reporting.labels import plural
from tasks.reviewing.session import ShownPair
from tasks.reviewing.wrapping import line_starts, wrapped
from tasks.storage import Location

KEYS = (
    ("a", "accept"),
    ("e", "edit"),
    ("d", "drop"),
    ("s", "skip"),
    ("u", "undo"),
    ("m", "more"),
    ("o", "picture"),
    ("q", "quit"),
    ("?", "help"),
)
HELP = (
    ("a", "accept: the pair is good as it stands"),
    ("e", "edit the question and the answer; an empty line keeps what is there"),
    ("E", "edit them in $VISUAL or $EDITOR"),
    ("d", "drop: leave the pair out of the data set"),
    ("s", "skip: decide later"),
    ("u", "undo: take the last decision of this sitting back"),
    ("m", "more of the chunk"),
    ("o", "show the pictures' paths, and open the next one where that is possible"),
    ("q", "quit; every decision is kept"),
)
_INDENT = "  "
_EVIDENCE = "bold underline"
_LEFT_MARK, _RIGHT_MARK = "[[", "]]"
_LEAST_LINES = 6
# A rule, three blank lines, two that count what is cut off, and one for the cursor.
_FRAME_LINES = 7
_PICTURES_SHOWN = 4
_IMAGE_ID = re.compile(r"[0-9a-f]{16}")


class PairScreen:
    """Prints pairs. Long chunks are cut to what the terminal can show; `more` goes on."""

    def __init__(self, console: Console, output: Location) -> None:
        self._console = console
        self._output = output
        self._lines: list[Text] = []
        self._next_line = 0
        self._is_cut = False

    def show(self, shown: ShownPair) -> None:
        """Everything about a pair: from the top of its chunk, or from where its evidence is."""
        above = list(self._source(shown))
        below = list(self._pair(shown))
        self._lines, evidence_line = self._chunk(shown.row.chunk, shown.pair.evidence)
        paths = self._paths(shown.row)
        everything_else = (*above, *paths, *below, _key_line())
        room = self._room(sum(len(self._wrap(line)) for line in everything_else))
        self._is_cut = len(self._lines) > room
        start = 0
        if evidence_line >= room:
            start = max(0, min(evidence_line - 2, len(self._lines) - room))
        title = Text(f"{shown.place:,} of {shown.of:,}", style="bold")
        self._console.print()
        self._console.print(Rule(title, align="left", style="dim"))
        self._print(above)
        for path in paths:
            self._console.print(path, soft_wrap=True)
        self._console.print()
        self._window(start, room)
        self._console.print()
        self._print(below)

    def more(self) -> None:
        """The next lines of the chunk; after its end the first ones."""
        if self._is_cut:
            self._window(self._next_line, self._room(0))
        else:
            self.say("The whole chunk is shown.")

    def keys(self) -> None:
        self._print([_key_line()])

    def help(self) -> None:
        for key, meaning in HELP:
            self._print([Text.assemble((key, "bold"), f"  {meaning}")])

    def say(self, sentence: str, style: str = "") -> None:
        self._print([Text(one_line(sentence), style=style)])

    def say_verbatim(self, text: str) -> None:
        """A command or a path: folded by the terminal and not by us, so it can be copied."""
        self._console.print(Text(f"{_INDENT}{one_line(text)}"), soft_wrap=True)

    def warn(self, broken: Sequence[DroppedPair]) -> None:
        for rule in broken:
            self.say(f"{rule.reason}: {rule.detail}", style="yellow")

    def picture_paths(self, row: TrainingRow) -> list[str]:
        """Absolute paths, or URIs. An id that is none names no file of ours."""
        return [
            self._output.uri(asset_path(id_)) for id_ in row.image_ids if _IMAGE_ID.fullmatch(id_)
        ]

    def show_paths(self, row: TrainingRow) -> None:
        for path in self.picture_paths(row):
            self.say_verbatim(path)

    # --- parts ---------------------------------------------------------------------------------

    def _source(self, shown: ShownPair) -> Iterator[Text]:
        row = shown.row
        pages = ", ".join(str(page) for page in row.pages)
        where = f", page {pages}" if len(row.pages) == 1 else f", pages {pages}" if pages else ""
        yield Text.assemble((one_line(row.file_path), "cyan"), where)
        if row.headings:
            yield Text(" > ".join(one_line(heading) for heading in row.headings), style="dim")
        for flag in row.flags:
            meaning = "the text gives orders to its reader" if flag == "addresses_model" else ""
            yield Text(f"{one_line(flag)}{': ' if meaning else ''}{meaning}", style="yellow")

    def _paths(self, row: TrainingRow) -> list[Text]:
        paths = self.picture_paths(row)
        lines = [Text(f"picture {one_line(path)}", style="dim") for path in paths[:_PICTURES_SHOWN]]
        if len(paths) > _PICTURES_SHOWN:
            more = len(paths) - _PICTURES_SHOWN
            lines.append(Text(f"and {plural(more, 'more picture')}: o shows all", style="dim"))
        return lines

    def _chunk(self, text: str, evidence: Evidence | None) -> tuple[list[Text], int]:
        """The chunk's lines, and the line where the evidence begins (0 without one)."""
        plain = readable(text).replace("\t", " ")
        if evidence is None or not is_inside(evidence, text):
            return self._indented(Text(plain)), 0
        start, end = evidence.start, evidence.end
        if self._console.color_system is None:
            # Nothing is drawn bold here: marks of two letters say where the evidence stands.
            plain = f"{plain[:start]}{_LEFT_MARK}{plain[start:end]}{_RIGHT_MARK}{plain[end:]}"
            end += len(_LEFT_MARK) + len(_RIGHT_MARK)
        marked = Text(plain)
        marked.stylize(_EVIDENCE, start, end)
        line = bisect_right(line_starts(plain, self._text_width), start) - 1
        return self._indented(marked), line

    def _pair(self, shown: ShownPair) -> Iterator[Text]:
        pair = shown.pair
        languages = f"asked in {pair.question_language}, answered in {pair.answer_language}"
        yield Text(f"{pair.type}, {languages}, {_grade(pair)}", style="dim")
        yield Text.assemble(("Q ", "bold green"), _prose(pair.question))
        yield Text.assemble(("A ", "bold green"), _prose(pair.answer))
        if pair.evidence is None:
            yield Text("no place in the chunk was found that proves it", style="dim")
        if shown.before is not None:
            yield Text(_before(shown.before), style="yellow")

    # --- lines ---------------------------------------------------------------------------------

    @property
    def _text_width(self) -> int:
        return max(2, self._console.width - len(_INDENT))

    def _indented(self, text: Text) -> list[Text]:
        return [Text(_INDENT).append_text(line) for line in wrapped(text, self._text_width)]

    def _wrap(self, text: Text) -> list[Text]:
        return wrapped(text, self._console.width)

    def _print(self, lines: Sequence[Text]) -> None:
        for line in lines:
            for part in self._wrap(line):
                self._console.print(part, soft_wrap=True)

    def _room(self, taken: int) -> int:
        """Lines of the chunk at once; all of them where nobody would scroll."""
        if not self._console.is_terminal:
            return len(self._lines) or 1
        return max(_LEAST_LINES, self._console.height - taken - _FRAME_LINES)

    def _window(self, start: int, room: int) -> None:
        lines = self._lines[start : start + room]
        if start:
            self.say(f"... {start} lines before", style="dim")
        for line in lines:
            self._console.print(line, soft_wrap=True)
        end = start + len(lines)
        if end < len(self._lines):
            self.say(f"... {len(self._lines) - end} lines after: m shows more", style="dim")
        self._next_line = end if end < len(self._lines) else 0


def _key_line() -> Text:
    line = Text()
    for key, name in KEYS:
        line.append(key, style="bold")
        # A hard blank: a key and its name stay together.
        line.append(f"\N{NO-BREAK SPACE}{name}  ", style="dim")
    return line


def _prose(text: str) -> str:
    return readable(text).replace("\t", " ")


def _grade(pair: QAPair) -> str:
    if pair.grade is None:
        return "not graded"
    grade = pair.grade
    return f"faithfulness {grade.faithfulness}/5, answerability {grade.answerability}/5"


def _before(review: Review) -> str:
    said = {
        "accept": "Accepted before.",
        "edit": "Edited before: this is the edit.",
        "drop": "Dropped before: accept takes it back in.",
    }
    return said[review.action]
