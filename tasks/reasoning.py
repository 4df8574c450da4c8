"""Rows of the reasoning stage: a question, documents, and a trace of spans that answers it.

A trace alternates `<think>`, `<search>` and `<information>` and ends with `<answer>`. An
information span holds the gold chunk as it stands in `docs`, so that a trainer can put memory
slots in its place. One hop comes from one pair of each chunk; two hops from two pairs of
different chunks, where the first answer is an entity that the second question asks about.
Templates only: nothing is claimed that the chunk does not say.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from tasks.assemble import NumberedRow
from tasks.hop_bridge import Bridge, TemplateLanguage, compose, entity_of
from tasks.matching import matchable, says
from tasks.negatives import HardNegatives, seeded_random
from tasks.records import QAPair, RetrievalRow, TrainingRow
from tasks.stage_rows import REASONING_FILE, ShortRows, shuffled_documents, training_side
from tasks.text import sentence_spans

# An entity that stands in more chunks than this is a common word; in one alone it ties nothing.
_ENTITY_CHUNKS_MAX = 12
_ENTITY_CHUNKS_SHARE = 0.02
_QUOTE_MAX = 300
_SPAN_TAG = re.compile(r"</?(?:think|search|information|answer)>", re.IGNORECASE)

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


@dataclass(frozen=True)
class _Hop:
    id: str
    row: TrainingRow
    pair: QAPair


def reasoning_rows(
    rows: Sequence[NumberedRow],
    negatives: HardNegatives,
    held_out: Collection[str],
    *,
    candidates: int,
    seed: int,
    short: ShortRows | None = None,
) -> Iterator[RetrievalRow]:
    """For each chunk trained on: a row of one hop, then the rows of two hops that begin there.

    Ids are `<pair id>-one_hop` and `<first pair id>-<second pair id>`. `gold_answer` is the plain
    answer, `pos_index` lists the gold documents in the order of the hops. Documents hold the
    gold chunks among hard negatives that say none of the answers, `candidates` in all.
    """
    links = _links(rows, negatives, held_out)
    for numbered in training_side(rows, held_out):
        hops = [
            _Hop(id_, numbered.row, pair)
            for id_, pair in numbered.numbered_pairs()
            if not _holds_tags(numbered.row, pair)
        ]
        if not hops:
            continue
        chosen = seeded_random(seed, REASONING_FILE, numbered.row.id).choice(hops)
        yield _retrieval_row(
            f"{chosen.id}-one_hop", chosen.pair.question, [chosen], _one_hop(chosen),
            negatives, candidates, seed, short,
        )  # fmt: skip
        for hop in hops:
            if hop.id in links and candidates >= 2:
                second, bridge = links[hop.id]
                yield _retrieval_row(
                    f"{hop.id}-{second.id}", bridge.question, [hop, second],
                    _two_hops(hop, second), negatives, candidates, seed, short,
                )  # fmt: skip


def _retrieval_row(
    id_: str,
    question: str,
    hops: Sequence[_Hop],
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


def _one_hop(hop: _Hop) -> str:
    return "\n".join(
        (
            _span("think", _NEED[_asked_in(hop)].format(hop.pair.question)),
            _span("search", hop.pair.question),
            _span("information", hop.row.chunk),
            _span("think", _found(hop)),
            _span("answer", hop.pair.answer),
        )
    )


def _two_hops(first: _Hop, second: _Hop) -> str:
    language = _asked_in(first)
    entity = entity_of(first.pair.question, first.pair.answer)
    then = _THEN[language].format(entity, second.pair.question)
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


def _found(hop: _Hop) -> str:
    """What the passage says, in its own language: the sentence around the evidence, verbatim."""
    language = _answered_in(hop)
    sentence = _evidence_sentence(hop)
    if sentence is None:
        return _ANSWERS[language]
    quoted = f"“{sentence}”" if language == "zh" else f'"{sentence}"'
    return _SAYS[language].format(quoted)


def _evidence_sentence(hop: _Hop) -> str | None:
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


def _asked_in(hop: _Hop) -> TemplateLanguage:
    """Before anything was found only the question's language is known."""
    if hop.pair.question_language in ("en", "zh"):
        return "zh" if hop.pair.question_language == "zh" else "en"
    return "zh" if hop.row.language == "zh" else "en"


def _answered_in(hop: _Hop) -> TemplateLanguage:
    if hop.row.language in ("en", "zh"):
        return "zh" if hop.row.language == "zh" else "en"
    return _asked_in(hop)


def _holds_tags(row: TrainingRow, pair: QAPair) -> bool:
    """Text that holds a span's tag would end the span it stands in."""
    return any(_SPAN_TAG.search(text) for text in (row.chunk, pair.question, pair.answer))


def _links(
    rows: Sequence[NumberedRow], negatives: HardNegatives, held_out: Collection[str]
) -> dict[str, tuple[_Hop, Bridge]]:
    """For the id of a first pair the second one and their question; each second serves once."""
    hops = [
        _Hop(id_, numbered.row, pair)
        for numbered in training_side(rows, held_out)
        for id_, pair in numbered.numbered_pairs()
        if pair.question_language == numbered.row.language and numbered.row.language in ("en", "zh")
        if not _holds_tags(numbered.row, pair)
    ]
    questions = [matchable(hop.pair.question) for hop in hops]
    asking: defaultdict[str, list[int]] = defaultdict(list)
    for at, question in enumerate(questions):
        for word in dict.fromkeys(question.split()):
            asking[word].append(at)
    chunks_max = max(_ENTITY_CHUNKS_MAX, int(len(negatives) * _ENTITY_CHUNKS_SHARE))
    links: dict[str, tuple[_Hop, Bridge]] = {}
    used: set[int] = set()
    for hop in hops:
        entity = entity_of(hop.pair.question, hop.pair.answer)
        phrase = matchable(entity) if entity else ""
        if not phrase:
            continue
        # The rarest word's questions: the others of the phrase only narrow them down.
        about = min((asking.get(word, []) for word in phrase.split()), key=len)
        for at in about:
            second = hops[at]
            if at in used or second.row.id == hop.row.id or not says(questions[at], phrase):
                continue
            if second.row.language != hop.row.language or second.row.chunk == hop.row.chunk:
                continue
            if not 2 <= negatives.count_saying(phrase) <= chunks_max:
                break
            bridge = compose(
                (hop.pair.question, hop.pair.answer),
                (second.pair.question, second.pair.answer),
                _asked_in(hop),
                same_document=second.row.file_path == hop.row.file_path,
            )
            if bridge is not None:
                used.add(at)
                links[hop.id] = (second, bridge)
                break
    return links
