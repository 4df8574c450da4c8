"""The embedded engine: questions from templates, answers as spans, key sentences as summary.

It needs no model, no key and no network, and gives the same bytes for the same chunk and seed.
It asks only what it can ask well: a chunk of which it can read nothing gets no pair.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator

from tasks.records import Synthesis, Synthesizer, TextChunk
from tasks.synthesis.candidates import Candidate
from tasks.synthesis.chinese import blanks as chinese_blanks
from tasks.synthesis.chinese import facts as chinese
from tasks.synthesis.chinese import reasons as chinese_reasons
from tasks.synthesis.chinese.sentence import ChineseSentence, prepare
from tasks.synthesis.crosslingual import crosslingual_candidates
from tasks.synthesis.dictionary import dictionary_version
from tasks.synthesis.english import blanks as english_blanks
from tasks.synthesis.english import facts as english
from tasks.synthesis.english import reasons as english_reasons
from tasks.synthesis.english.sentence import Reader, Sentence
from tasks.synthesis.faq import faq_candidates
from tasks.synthesis.labels import has_han
from tasks.synthesis.lists import list_candidates
from tasks.synthesis.pairs import pair_candidates
from tasks.synthesis.passage import Passage, Span, Unit, read_passage, strip_span
from tasks.synthesis.pictures import description_spans, picture_candidates
from tasks.synthesis.selection import select
from tasks.synthesis.steps import step_candidates
from tasks.synthesis.summary import summarise
from tasks.synthesis.tables import table_candidates
from tasks.synthesis.topic import Topic, topic_of
from tasks.synthesis.traditional import (
    in_own_characters,
    is_traditional,
    simplified_copy,
    simplified_topic,
)
from tasks.text import sentence_spans

# Raised when the same chunk would get other pairs or another summary.
VERSION = 3
SYNTHESIZER = Synthesizer(engine="extractive", model=None, prompt_hash=None)


class ExtractiveSynthesizer:
    """`SynthesisEngine` by templates."""

    @property
    def synthesizer(self) -> Synthesizer:
        return SYNTHESIZER

    @property
    def cache_identity(self) -> str:
        """The templates' version, and the versions of the words that they lean on."""
        segmenter = importlib.metadata.version("rjieba")
        return f"extractive/{VERSION} rjieba/{segmenter} cedict/{dictionary_version()}"

    def synthesize(self, chunk: TextChunk, seed: int) -> Synthesis:
        return synthesize(chunk, seed)


def synthesize(chunk: TextChunk, seed: int) -> Synthesis:
    """Pairs and summary of one chunk. `qa_pairs` is empty where no template applies.

    `seed` only decides between questions that are equally good. Every answer is
    `chunk.text[start:end]` of its evidence.
    """
    passage = read_passage(chunk.text)
    topic = topic_of(chunk.headings)
    if is_traditional(chunk.text):
        # The copy has the same length: its spans are the passage's.
        sources = (chunk.text, *chunk.headings)
        copy = read_passage(simplified_copy(chunk.text))
        found = find_candidates(copy, simplified_topic(topic))
        candidates = [in_own_characters(candidate, sources) for candidate in found]
    else:
        candidates = find_candidates(passage, topic)
    pairs, dropped = select(candidates, chunk, seed)
    return Synthesis(
        dense_summary=summarise(passage, chunk),
        qa_pairs=pairs,
        dropped=dropped,
        synthesizer=SYNTHESIZER,
        usage=None,
    )


def find_candidates(passage: Passage, topic: Topic) -> list[Candidate]:
    """Every question that the templates make of a passage, not yet checked or chosen."""
    found = [
        *table_candidates(passage, topic),
        *pair_candidates(passage, topic),
        *step_candidates(passage, topic),
        *faq_candidates(passage),
        *picture_candidates(passage, topic),
        *list_candidates(passage, topic),
    ]
    pictures = description_spans(passage)
    reader = Reader(passage, topic)
    before_en: Sentence | None = None
    before_zh: ChineseSentence | None = None
    for unit in passage.sentences():
        if any(s.start < unit.span.end and unit.span.start < s.end for s in pictures):
            before_en, before_zh, reader.antecedent = None, None, ""
            continue
        if has_han(unit.span.of(passage.text)):
            before_en, reader.antecedent = None, ""
            chinese_sentence = prepare(passage.text, unit, topic)
            if chinese_sentence is not None:
                found.extend(chinese.fact_candidates(chinese_sentence))
                found.extend(chinese_reasons.reason_candidates(chinese_sentence, before_zh))
            found.extend(chinese_blanks.completions(passage.text, unit, topic))
            before_zh = chinese_sentence
            continue
        before_zh = None
        spoken_of = reader.spoken_of(unit)
        sentence = reader.read(unit)
        if sentence is not None:
            found.extend(english.fact_candidates(sentence))
            found.extend(
                english_reasons.reason_candidates(
                    sentence, before_en, reader.consequence(sentence), reader.topic.context
                )
            )
        whole = sentence or english_blanks.long_sentence(passage.text, unit)
        if whole is not None:
            found.extend(english_blanks.completions(whole, reader, spoken_of))
        before_en = sentence
    for unit in _inside_units(passage):
        if any(s.start < unit.span.end and unit.span.start < s.end for s in pictures):
            continue
        if has_han(unit.span.of(passage.text)):
            found.extend(chinese_blanks.completions(passage.text, unit, topic))
        elif (sentence := reader.read(unit)) is not None:
            found.extend(english_blanks.completions(sentence, reader, ""))
    plain_facts = [c for c in found if c.type == "fact" and c.quotes is None]
    found.extend(crosslingual_candidates(plain_facts))
    return found


def _inside_units(passage: Passage) -> Iterator[Unit]:
    """Sentences of key-value lines ("A feature: since the 1950s, ..."), parts between " ; "."""
    for unit in passage.units:
        text = unit.span.of(passage.text)
        start = unit.span.start
        if unit.kind == "pair":
            for left, right in sentence_spans(text):
                span = strip_span(passage.text, start + left, start + right)
                yield Unit("sentence", span, unit.block)
        elif unit.kind == "sentence" and (" ; " in text or text.startswith("; ")):
            for match in re.finditer(r"(?:(?! ; ).)+", text):
                left = start + match.start() + (3 if match[0].startswith(" ; ") else 0)
                span = strip_span(passage.text, left, start + match.end())
                while span.start < span.end and passage.text[span.start] in "; ":
                    span = Span(span.start + 1, span.end)
                if span.end > span.start:
                    yield Unit("item", span, unit.block)
