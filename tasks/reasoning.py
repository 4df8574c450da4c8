"""Rows of the reasoning stage: a question, documents, and a trace of spans that answers it.

A trace alternates `<think>`, `<search>` and `<information>` and ends with `<answer>`. An
information span holds the gold chunk as it stands in `docs`, so that a trainer can put memory
slots in its place. One hop comes from one pair of each chunk; two hops from two pairs of
different chunks, where the first answer is an entity that the second question asks about.
Traces are made by templates: nothing is claimed that the chunk does not say. The question over
two hops is a template's too, or one that a model composed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from tasks.assemble import NumberedRow
from tasks.hop_bridge import TemplateLanguage
from tasks.negatives import HardNegatives, seeded_random
from tasks.reasoning_links import Hop, HopLink, hops_of, template_links
from tasks.records import RetrievalRow
from tasks.stage_rows import REASONING_FILE, ShortRows, shuffled_documents, training_side
from tasks.text import sentence_spans

_QUOTE_MAX = 300

_NEED = {"en": "I need to find out: {}", "zh": "需要查明：{}"}
_SAYS = {"en": "The document says: {} That answers it.", "zh": "文档中写道：{}这就回答了问题。"}
_ANSWERS = {"en": "The document answers it.", "zh": "该文档回答了这个问题。"}
_PLAN = {
    "en": "This takes two steps. The first: {}",
    "zh": "这需要两步。第一步：{}",
}
_THEN = {
    "en": "So the first answer is {}. The second step: {}",
    "zh": "所以第一步的答案是{}。第二步：{}",
}


def reasoning_rows(
    rows: Sequence[NumberedRow],
    negatives: HardNegatives,
    held_out: Collection[str],
    *,
    candidates: int,
    seed: int,
    short: ShortRows | None = None,
    composed: Sequence[tuple[HopLink, str]] | None = None,
) -> Iterator[RetrievalRow]:
    """For each chunk trained on: a row of one hop, then the rows of two hops that begin there.

    Ids are `<pair id>-one_hop` and `<first pair id>-<second pair id>`. `gold_answer` is the plain
    answer, `pos_index` lists the gold documents in the order of the hops. Documents hold the
    gold chunks among hard negatives that say none of the answers, `candidates` in all.

    `composed` holds the links and questions of all rows of two hops; without it templates make
    them.
    """
    pairs_of_hops: defaultdict[str, list[tuple[HopLink, str]]] = defaultdict(list)
    if candidates >= 2:
        for link, question in template_links(rows, held_out) if composed is None else composed:
            pairs_of_hops[link.first.row.id].append((link, question))
    for numbered in training_side(rows, held_out):
        hops = hops_of(numbered)
        if not hops:
            continue
        chosen = seeded_random(seed, REASONING_FILE, numbered.row.id).choice(hops)
        yield _retrieval_row(
            f"{chosen.id}-one_hop", chosen.pair.question, [chosen], _one_hop(chosen),
            negatives, candidates, seed, short,
        )  # fmt: skip
        for link, question in pairs_of_hops[numbered.row.id]:
            yield _retrieval_row(
                link.id, question, [link.first, link.second], _two_hops(link),
                negatives, candidates, seed, short,
            )  # fmt: skip


def _retrieval_row(
    id_: str,
    question: str,
    hops: Sequence[Hop],
    trace: str,
    negatives: HardNegatives,
    candidates: int,
    seed: int,
    short: ShortRows | None,
) -> RetrievalRow:
    picked = negatives.pick(
        " ".join(hop.pair.question for hop in hops),
        [hop.pair.answer for hop in hops],
        [hop.row.id for hop in hops],
        candidates - len(hops),
    )
    docs, pos_index = shuffled_documents(
        [hop.row.chunk for hop in hops],
        [passage.text for passage in picked],
        (seed, REASONING_FILE, id_),
    )
    if short is not None:
        short.add(REASONING_FILE, wanted=candidates, got=len(docs))
    return RetrievalRow(
        id=id_,
        question=question,
        docs=docs,
        answer=trace,
        gold_answer=hops[-1].pair.answer,
        pos_index=pos_index,
    )


def _one_hop(hop: Hop) -> str:
    return "\n".join(
        (
            _span("think", _NEED[_asked_in(hop)].format(hop.pair.question)),
            _span("search", hop.pair.question),
            _span("information", hop.row.chunk),
            _span("think", _found(hop)),
            _span("answer", hop.pair.answer),
        )
    )


def _two_hops(link: HopLink) -> str:
    first, second = link.first, link.second
    language = _asked_in(first)
    then = _THEN[language].format(link.entity, second.pair.question)
    space = " " if language == "en" else ""
    return "\n".join(
        (
            _span("think", _PLAN[language].format(first.pair.question)),
            _span("search", first.pair.question),
            _span("information", first.row.chunk),
            _span("think", f"{_found(first)}{space}{then}"),
            _span("search", second.pair.question),
            _span("information", second.row.chunk),
            _span("think", _found(second)),
            _span("answer", second.pair.answer),
        )
    )


def _span(tag: str, text: str) -> str:
    return f"<{tag}>{text}</{tag}>"


def _found(hop: Hop) -> str:
    """What the passage says, in its own language: the sentence around the evidence, verbatim."""
    language = _answered_in(hop)
    sentence = _evidence_sentence(hop)
    if sentence is None:
        return _ANSWERS[language]
    quoted = f"“{sentence}”" if language == "zh" else f'"{sentence}"'
    return _SAYS[language].format(quoted)


def _evidence_sentence(hop: Hop) -> str | None:
    evidence = hop.pair.evidence
    if evidence is None:
        return None
    touched = [
        (start, end)
        for start, end in sentence_spans(hop.row.chunk)
        if start < evidence.end and end > evidence.start
    ]
    if not touched:
        return None
    text = hop.row.chunk[touched[0][0] : touched[-1][1]].strip()
    # A table or a list has no sentences: quoting half of the chunk would say nothing.
    return text if 0 < len(text) <= _QUOTE_MAX and "\n" not in text else None


def _asked_in(hop: Hop) -> TemplateLanguage:
    """Before anything was found only the question's language is known."""
    if hop.pair.question_language in ("en", "zh"):
        return "zh" if hop.pair.question_language == "zh" else "en"
    return "zh" if hop.row.language == "zh" else "en"


def _answered_in(hop: Hop) -> TemplateLanguage:
    if hop.row.language in ("en", "zh"):
        return "zh" if hop.row.language == "zh" else "en"
    return _asked_in(hop)
