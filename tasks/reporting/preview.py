"""A preview for the terminal: prompts, raw answers, and what was kept and why."""

from __future__ import annotations

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from tasks.previewing import Preview, ShownChunk, ShownExchange, ShownPicture
from tasks.records import QAPair
from tasks.reporting.display import one_line


def show_preview(preview: Preview, console: Console) -> None:
    """Prints a preview. Document text is `Text`: rich reads no markup in it."""
    shown: set[str] = set()
    for picture in preview.pictures:
        _picture(picture, console, shown)
    for number, chunk in enumerate(preview.chunks, start=1):
        _chunk(number, len(preview.chunks), chunk, console, shown)
    if not preview.chunks:
        console.print("No document of SOURCE gave a chunk.")


def _picture(picture: ShownPicture, console: Console, shown: set[str]) -> None:
    console.print(Rule(f"Picture {picture.image_id} of {one_line(picture.file_path)}"))
    _exchanges(picture.exchanges, console, shown)
    _section("Kept" if picture.text else f"Rejected: {picture.rejected}", console)
    if picture.text:
        _body(picture.text, console)


def _chunk(number: int, of: int, chunk: ShownChunk, console: Console, shown: set[str]) -> None:
    pages = f", page {', '.join(map(str, chunk.pages))}" if chunk.pages else ""
    console.print(Rule(f"Chunk {number} of {of}: {one_line(chunk.file_path)}{pages}"))
    if chunk.headings:
        console.print(Text(" > ".join(map(one_line, chunk.headings)), style="dim"))
    if not chunk.exchanges:
        _section("Chunk", console)
        _body(chunk.text, console)
    _exchanges(chunk.exchanges, console, shown)
    _kept(chunk, console)


def _exchanges(exchanges: tuple[ShownExchange, ...], console: Console, shown: set[str]) -> None:
    """`shown` holds the messages that stand above: a system message is long and does not change."""
    for exchange in exchanges:
        for role, text in exchange.messages:
            if text in shown:
                _section(f"{exchange.step}: {role}, as above", console)
                continue
            shown.add(text)
            _section(f"{exchange.step}: {role}", console)
            _body(text, console)
        if exchange.refused:
            _section(f"{exchange.step}: no answer, {one_line(exchange.refused)}", console)
        elif exchange.answer is not None:
            _section(f"{exchange.step}: answer", console)
            _body(exchange.answer, console)


def _kept(chunk: ShownChunk, console: Console) -> None:
    synthesis = chunk.synthesis
    _section(f"Kept: {len(synthesis.qa_pairs)} pairs", console)
    for pair in synthesis.qa_pairs:
        _pair(pair, chunk.text, console)
    if synthesis.dense_summary:
        share = len(synthesis.dense_summary) / max(1, len(chunk.text))
        _section(f"Kept: a summary of {share:.0%} of the chunk's characters", console)
        _body(synthesis.dense_summary, console)
    if synthesis.dropped:
        _section(f"Dropped: {len(synthesis.dropped)}", console)
        for dropped in synthesis.dropped:
            console.print(Text(f"  {dropped.reason}: {one_line(dropped.detail)}"))
    usage = synthesis.usage
    if usage is not None:
        console.print(
            Text(f"{usage.prompt_tokens:,} tokens in, {usage.completion_tokens:,} out", style="dim")
        )


def _pair(pair: QAPair, text: str, console: Console) -> None:
    grade = ""
    if pair.grade is not None:
        grade = f", faithful {pair.grade.faithfulness}, answerable {pair.grade.answerability}"
    console.print(
        Text(f"  {pair.type}, {pair.question_language} to {pair.answer_language}{grade}", "dim")
    )
    console.print(Text(f"  Q  {one_line(pair.question)}"))
    console.print(Text(f"  A  {one_line(pair.answer)}"))
    if pair.evidence is not None:
        held = text[pair.evidence.start : pair.evidence.end]
        console.print(Text(f"     from: {one_line(held)}", style="dim"))


def _section(title: str, console: Console) -> None:
    console.print(Text(f"\n{title}", style="bold"))


def _body(text: str, console: Console) -> None:
    for line in text.split("\n"):
        console.print(Text(f"  {one_line(line)}"))
