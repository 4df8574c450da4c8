"""Small rows of a data set for the tests of what is made from them."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.assemble import NumberedRow, chunk_id, number_pairs
from tasks.records import (
    Evidence,
    Language,
    Profile,
    QAPair,
    SourceFile,
    Synthesis,
    Synthesizer,
    TextChunk,
    TrainingRow,
)
from tasks.text import language_of

SYNTHESIZER = Synthesizer(engine="test")
PROFILE = Profile(name="direct")


def source(path: str, *, doc_id: str = "d" * 64, size_bytes: int = 10) -> SourceFile:
    return SourceFile(
        file_path=path, uri=f"/s/{path}", kind="text", size_bytes=size_bytes, doc_id=doc_id
    )


def pair(question: str, answer: str, chunk: str = "") -> QAPair:
    start = chunk.find(answer) if chunk else -1
    return QAPair(
        type="fact",
        question=question,
        answer=answer,
        question_language=language_of(question),
        answer_language=language_of(answer),
        evidence=Evidence(start=start, end=start + len(answer)) if start >= 0 else None,
    )


def text_chunk(text: str, language: Language = "en") -> TextChunk:
    return TextChunk(text=text, language=language, tokens=len(text))


def synthesis(*pairs: QAPair, summary: str | None = None) -> Synthesis:
    return Synthesis(dense_summary=summary, qa_pairs=pairs, synthesizer=SYNTHESIZER)


def training_row(
    path: str, text: str, pairs: Sequence[tuple[str, str]], *, summary: str | None = None
) -> TrainingRow:
    return TrainingRow(
        id=chunk_id(path, text, 0),
        doc_id="d" * 64,
        file_path=path,
        product_area="",
        pages=(1,),
        headings=(),
        language=language_of(text),
        chunk=text,
        dense_summary=summary,
        qa_pairs=tuple(pair(question, answer, text) for question, answer in pairs),
        image_ids=(),
        synthesizer=SYNTHESIZER,
        usage=None,
    )


PUMPS = (
    ("Aster", "brass", "12 bar", "Lyon"),
    ("Boreal", "steel", "15 bar", "Oslo"),
    ("Cirrus", "bronze", "18 bar", "Turin"),
    ("Delta", "titanium", "21 bar", "Gdansk"),
    ("Ember", "ceramic", "24 bar", "Porto"),
    ("Fjord", "nickel", "27 bar", "Bergen"),
    ("Garnet", "copper", "30 bar", "Ghent"),
    ("Harbor", "zinc", "33 bar", "Malmo"),
)


def pump_rows(count: int = len(PUMPS)) -> list[NumberedRow]:
    """One document of one chunk for each pump, all built alike, each with an answer of its own."""
    rows = []
    for name, metal, pressure, city in PUMPS[:count]:
        text = (
            f"The {name} pump has an impeller made of {metal}. It delivers water at a pressure of "
            f"{pressure}. The factory that builds the {name} pump stands in {city}."
        )
        rows.append(
            training_row(
                f"pumps/{name.lower()}.txt",
                text,
                [
                    (f"What is the impeller of the {name} pump made of?", metal),
                    (f"At what pressure does the {name} pump deliver water?", pressure),
                    (f"{name} 泵的工厂在哪个城市？", city),
                ],
                summary=f"{name}: {metal} impeller, {pressure}, built in {city}.",
            )
        )
    return number_pairs(rows)
