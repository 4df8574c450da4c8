"""Rows with traces, written shortly."""

from __future__ import annotations

from collections.abc import Sequence

from clara_model.data.rows import QuestionRow


def reasoning_row(
    question: str,
    documents: Sequence[str],
    hops: Sequence[tuple[str, int]],
    answer: str,
    id_: str = "row",
) -> QuestionRow:
    """A row whose trace searches for each hop's text and reads the hop's document."""
    spans = [
        f"<search>{search}</search>\n<information>{documents[number]}</information>"
        for search, number in hops
    ]
    return QuestionRow(
        id=id_,
        where=f"{id_}.jsonl:1",
        question=question,
        documents=tuple(documents),
        answer="\n".join([*spans, f"<answer>{answer}</answer>"]),
        answers=(answer,),
        positives=tuple(number for _, number in hops),
    )
