"""The embedded engine: questions from templates, answers as spans, key sentences as summary.

It needs no model, no key and no network, and gives the same bytes for the same chunk and seed.
It asks only what it can ask well: a chunk of which it can read nothing gets no pair.
"""

from __future__ import annotations

import importlib.metadata

from tasks.records import Synthesis, Synthesizer, TextChunk
from tasks.synthesis.candidates import Candidate
from tasks.synthesis.chinese import facts as chinese
from tasks.synthesis.chinese import reasons as chinese_reasons
from tasks.synthesis.chinese.sentence import ChineseSentence, prepare
from tasks.synthesis.crosslingual import crosslingual_candidates
from tasks.synthesis.dictionary import dictionary_version
from tasks.synthesis.english import facts as english
from tasks.synthesis.english import reasons as english_reasons
from tasks.synthesis.english.sentence import Reader, Sentence
from tasks.synthesis.faq import faq_candidates
from tasks.synthesis.labels import has_han
from tasks.synthesis.pairs import pair_candidates
from tasks.synthesis.passage import Passage, read_passage
from tasks.synthesis.selection import select
from tasks.synthesis.steps import step_candidates
from tasks.synthesis.summary import summarise
from tasks.synthesis.tables import table_candidates
from tasks.synthesis.topic import Topic, topic_of

# Raised when the same chunk would get other pairs or another summary.
VERSION = 1
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
    candidates = find_candidates(passage, topic_of(chunk.headings))
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
    ]
    reader = Reader(passage, topic)
    before_en: Sentence | None = None
    before_zh: ChineseSentence | None = None
    for unit in passage.sentences():
        if has_han(unit.span.of(passage.text)):
            before_en, reader.antecedent = None, ""
            chinese_sentence = prepare(passage.text, unit, topic)
            if chinese_sentence is not None:
                found.extend(chinese.fact_candidates(chinese_sentence))
                found.extend(chinese_reasons.reason_candidates(chinese_sentence, before_zh))
            before_zh = chinese_sentence
            continue
        before_zh = None
        sentence = reader.read(unit)
        if sentence is not None:
            found.extend(english.fact_candidates(sentence))
            found.extend(
                english_reasons.reason_candidates(
                    sentence, before_en, reader.consequence(sentence), reader.topic.context
                )
            )
        before_en = sentence
    found.extend(crosslingual_candidates([c for c in found if c.type == "fact"]))
    return found
