"""Which pairs can follow one another: the second asks about what the first one's answer names.

Both pairs come from different chunks of documents that are trained on, and are asked in the
language of their passages. The entity between them stands in a few chunks: a word that stands
in many is a common one, and in one alone it ties nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tasks.assemble import NumberedRow
from tasks.hop_bridge import compose, entity_of
from tasks.matching import matchable, says
from tasks.records import QAPair, TrainingRow
from tasks.stage_rows import training_side
from tasks.text import count_han

_ENTITY_CHUNKS_MAX = 12
_ENTITY_CHUNKS_SHARE = 0.02
# Two Han characters are mostly a common noun.
_HAN_NAME_FROM = 3
# The entity is a piece of a longer name: "Northern Ireland", "Cancer Research Centre".
_LONGER_NAME_BEFORE = re.compile(r"(?:(?<=\w )|(?<=[(/]))(?!The )[A-Z][\w.-]* $")
_LONGER_NAME_AFTER = re.compile(r" [A-Z]")
_SPAN_TAG = re.compile(r"</?(?:think|search|information|answer)>", re.IGNORECASE)


@dataclass(frozen=True)
class Hop:
    """A pair and the row that it stands in. `id` is the pair's."""

    id: str
    row: TrainingRow
    pair: QAPair


@dataclass(frozen=True)
class HopLink:
    """Two pairs, and the entity (as the first answer spells it) that ties them together."""

    first: Hop
    second: Hop
    entity: str

    @property
    def id(self) -> str:
        """Id of the row that the two pairs make."""
        return f"{self.first.id}-{self.second.id}"


def hops_of(numbered: NumberedRow) -> list[Hop]:
    """The pairs of a row that a trace can hold: text with a span's tag would end its span."""
    return [
        Hop(id_, numbered.row, pair)
        for id_, pair in numbered.numbered_pairs()
        if not any(
            _SPAN_TAG.search(text) for text in (numbered.row.chunk, pair.question, pair.answer)
        )
    ]


def template_links(
    rows: Sequence[NumberedRow], held_out: Collection[str]
) -> list[tuple[HopLink, str]]:
    """Links with the question that a template makes of them, where its grammar allows one.

    Each pair is a first hop once and a second hop once at most.
    """
    found: list[tuple[HopLink, str]] = []
    used: set[str] = set()
    for link in _in_turn(rows, held_out):
        if link.second.id in used or (found and found[-1][0].first.id == link.first.id):
            continue
        bridge = compose(
            (link.first.pair.question, link.first.pair.answer),
            (link.second.pair.question, link.second.pair.answer),
            "zh" if link.first.row.language == "zh" else "en",
            same_document=link.second.row.file_path == link.first.row.file_path,
        )
        if bridge is not None:
            used.add(link.second.id)
            found.append((link, bridge.question))
    return found


def links_for(rows: Sequence[NumberedRow], held_out: Collection[str]) -> list[HopLink]:
    """Links that a model is asked to make a question of: the same for the same rows.

    At most one begins in a chunk, and each pair is a second hop once at most: there are never
    more than chunks that are trained on.
    """
    found: list[HopLink] = []
    begun: set[str] = set()
    used: set[str] = set()
    for link in _in_turn(rows, held_out):
        if link.first.row.id in begun or link.second.id in used or not _is_honest(link):
            continue
        begun.add(link.first.row.id)
        used.add(link.second.id)
        found.append(link)
    return found


def _is_honest(link: HopLink) -> bool:
    """Two steps are needed, and the entity means the same in both.

    Names mean the same everywhere, while "the gallery" of one document is not that of another.
    """
    first, second = link.first, link.second
    phrase, answer = matchable(link.entity), matchable(second.pair.answer)
    question = matchable(first.pair.question)
    if not answer or says(question, phrase) or says(question, answer):
        return False
    if says(phrase, answer) or says(answer, phrase):
        return False
    if says(matchable(first.row.chunk), answer):
        return False
    mention = re.search(re.escape(link.entity), second.pair.question, re.IGNORECASE)
    if mention is None:
        # Spelled otherwise (full-width, traditional): the words are there, the form is unknown.
        return True
    if _LONGER_NAME_BEFORE.search(second.pair.question[: mention.start()]):
        return False
    if _LONGER_NAME_AFTER.match(second.pair.question, mention.end()):
        return False
    same_document = first.row.file_path == second.row.file_path
    return same_document or _is_name(mention[0] if mention.start() else link.entity)


def _is_name(entity: str) -> bool:
    if han := count_han(entity):
        return han >= _HAN_NAME_FROM or han < len(entity)
    return any(character.isupper() for character in entity)


def _in_turn(rows: Sequence[NumberedRow], held_out: Collection[str]) -> Iterator[HopLink]:
    """Every link there is, by its first pair and then by its second, in the data set's order."""
    hops = [
        hop
        for numbered in training_side(rows, held_out)
        if numbered.row.language in ("en", "zh")
        for hop in hops_of(numbered)
        if hop.pair.question_language == numbered.row.language
    ]
    questions = [matchable(hop.pair.question) for hop in hops]
    asking: defaultdict[str, list[int]] = defaultdict(list)
    for at, question in enumerate(questions):
        for word in dict.fromkeys(question.split()):
            asking[word].append(at)
    entities = [entity_of(hop.pair.question, hop.pair.answer) for hop in hops]
    phrases = [matchable(entity) if entity else "" for entity in entities]
    # A phrase is looked for where its rarest word stands: the other words only narrow it down.
    anchors = {
        phrase: min(phrase.split(), key=lambda word: len(asking.get(word, ())))
        for phrase in dict.fromkeys(phrases)
        if phrase and all(word in asking for word in phrase.split())
    }
    chunks = (numbered.row.chunk for numbered in training_side(rows, held_out))
    counts = _chunks_saying(anchors, chunks)
    chunks_max = max(_ENTITY_CHUNKS_MAX, int(len(rows) * _ENTITY_CHUNKS_SHARE))
    for hop, entity, phrase in zip(hops, entities, phrases, strict=True):
        if entity is None or not 2 <= counts.get(phrase, 0) <= chunks_max:
            continue
        for at in asking[anchors[phrase]]:
            second = hops[at]
            if (
                says(questions[at], phrase)
                and second.row.id != hop.row.id
                and second.row.language == hop.row.language
                and second.row.chunk != hop.row.chunk
            ):
                yield HopLink(hop, second, entity)


def _chunks_saying(anchors: dict[str, str], chunks: Iterable[str]) -> dict[str, int]:
    """In how many chunks each phrase stands, in one pass over them."""
    by_anchor: defaultdict[str, list[str]] = defaultdict(list)
    for phrase, anchor in anchors.items():
        by_anchor[anchor].append(phrase)
    counts = dict.fromkeys(anchors, 0)
    for chunk in chunks:
        text = matchable(chunk)
        for word in by_anchor.keys() & set(text.split()):
            for phrase in by_anchor[word]:
                counts[phrase] += says(text, phrase)
    return counts
