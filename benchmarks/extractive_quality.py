"""How good the extractive synthesizer's questions are: rules, retrieval, and pairs to read.

    python benchmarks/extractive_quality.py --passages PASSAGES.jsonl
    python benchmarks/extractive_quality.py --documents OUT/clara_training_data.jsonl
    python benchmarks/extractive_quality.py --source FOLDER [--sample 50 --seed 1]

--passages   lines with `docs`, a list of texts of which the first is taken (the reference's
             pretraining rows). A first line "This a document about X." is read as the heading X.
--documents  an existing data set: its chunks are synthesized anew.
--source     a folder of HTML, Markdown, DOCX, PPTX or text files: extracted and chunked here.

Printed: pairs a chunk, types and languages, chunks without a pair, violations found by checks of
this file's own (not the engine's), the share of same-language questions whose chunk is among
BM25's first five over all chunks given, and chunks a second. `--sample N` prints N pairs of each
passage language for reading.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tasks.records import FileKind, QAPair, Synthesis, TextChunk
from tasks.synthesis.extractive import synthesize
from tasks.synthesis.rules import check_set
from tasks.text import language_of, search_terms

FIRST = 5
SUMMARY_FROM = 200
KINDS: dict[str, FileKind] = {
    ".html": "html",
    ".md": "markdown",
    ".docx": "docx",
    ".pptx": "pptx",
    ".txt": "text",
}
_LEAD = re.compile(r"This a document about (?P<title>[^\n]+?)\. *\n")


def main() -> None:
    options = _arguments()
    chunks = list(_chunks(options))
    if not chunks:
        sys.exit("no chunks: name a file of passages, a data set or a folder of documents")
    for chunk in chunks[:50]:
        synthesize(chunk, options.seed)  # dictionaries are read once: that is not what is timed
    started = time.perf_counter()
    made = [synthesize(chunk, options.seed) for chunk in chunks]
    seconds = time.perf_counter() - started
    _report(chunks, made)
    print(f"speed: {len(chunks) / seconds:.0f} chunks a second")
    _report_violations(chunks, made)
    _report_retrieval(chunks, made)
    if options.sample:
        _print_sample(chunks, made, options)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--passages", type=Path, action="append", default=[])
    parser.add_argument("--documents", type=Path, action="append", default=[])
    parser.add_argument("--source", type=Path, action="append", default=[])
    parser.add_argument("--sample", type=int, default=0, help="pairs to print, per language")
    parser.add_argument("--language", choices=("en", "zh", "mixed", "other"), default=None)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _chunks(options: argparse.Namespace) -> Iterator[TextChunk]:
    for path in options.passages:
        for row in _rows(path):
            yield passage_chunk(row["docs"][0])
    for path in options.documents:
        for row in _rows(path):
            yield TextChunk(
                text=row["chunk"],
                headings=tuple(row["headings"]),
                language=row["language"],
                tokens=0,
            )
    for folder in options.source:
        yield from _extracted(folder)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def passage_chunk(text: str) -> TextChunk:
    """The passage with its lead as a heading, which is what the lead says."""
    lead = _LEAD.match(text)
    headings = (lead["title"],) if lead else ()
    return TextChunk(text=text, headings=headings, language=language_of(text), tokens=0)


def _extracted(folder: Path) -> Iterator[TextChunk]:
    import tempfile

    from tasks.chunking.document import chunk_document
    from tasks.extraction.options import ExtractionOptions
    from tasks.extraction.worker import extract_file
    from tasks.tokenizer import character_limit

    with tempfile.TemporaryDirectory() as images:
        for path in sorted(p for p in folder.rglob("*") if p.suffix in KINDS):
            kind = KINDS[path.suffix]
            document = extract_file(path, kind, ExtractionOptions(), Path(images))
            yield from chunk_document(document, {}, character_limit())


def _report(chunks: list[TextChunk], made: list[Synthesis]) -> None:
    counts = Counter(len(synthesis.qa_pairs) for synthesis in made)
    pairs = [pair for synthesis in made for pair in synthesis.qa_pairs]
    print(f"chunks: {len(chunks)}  languages: {dict(Counter(c.language for c in chunks))}")
    print(f"pairs: {len(pairs)}  a chunk: {len(pairs) / len(chunks):.2f}")
    print(f"chunks by number of pairs: {dict(sorted(counts.items()))}")
    print(f"types: {dict(Counter(pair.type for pair in pairs))}")
    asked = Counter(f"{p.answer_language} asked in {p.question_language}" for p in pairs)
    print(f"languages: {dict(asked)}")
    summaries = sum(synthesis.dense_summary is not None for synthesis in made)
    print(f"summaries: {summaries} of {len(made)}")
    dropped = Counter(drop.reason for synthesis in made for drop in synthesis.dropped)
    print(f"dropped by the engine's rules: {dict(dropped)}")
    lacks = Counter(
        drop.reason
        for chunk, synthesis in zip(chunks, made, strict=True)
        if synthesis.qa_pairs
        for drop in check_set(synthesis.qa_pairs, chunk)
    )
    print(f"what sets of pairs lack: {dict(lacks)}")


def _report_violations(chunks: list[TextChunk], made: list[Synthesis]) -> None:
    found: Counter[str] = Counter()
    for chunk, synthesis in zip(chunks, made, strict=True):
        for pair in synthesis.qa_pairs:
            found.update(violations(pair, chunk))
        questions = [(p.question, p.question_language) for p in synthesis.qa_pairs]
        found["same question twice"] += len(questions) - len(set(questions))
        found["more than five pairs"] += len(questions) > 5
        if synthesis.dense_summary is not None and len(chunk.text) >= SUMMARY_FROM:
            share = len(synthesis.dense_summary) / len(chunk.text)
            found["summary length"] += not 0.5 <= share <= 0.8
    total = sum(found.values())
    print(f"violations: {total} {dict(+found)}")


def violations(pair: QAPair, chunk: TextChunk) -> list[str]:
    """DATA.md's rules read anew, without the engine's code."""
    found: list[str] = []
    evidence = pair.evidence
    if evidence is None or chunk.text[evidence.start : evidence.end] != pair.answer:
        found.append("answer is no verbatim span")
    if not pair.answer.strip() or pair.answer != pair.answer.strip():
        found.append("answer empty or with white space at an end")
    question = pair.question
    if not question.endswith(("?", "？")) or "\n" in question or "  " in question:
        found.append("form of the question")
    if re.search(r"[|#*`]{2,}|\]\(|IMAGE|-{3,}|\|", question):
        found.append("markup in the question")
    if re.search(r"\b(this|the) (text|passage|document|article)\b|上文|本文|文中|根据文", question):
        found.append("refers to the text")
    if re.search(r"\.(pdf|docx|pptx|png|jpg)\b|文件名|页码|page number", question, re.IGNORECASE):
        found.append("about a file")
    if re.match(
        r"\W*(?:What|Who|When|Where|Why|How) (?:is|was|does|did|has) (?:it|he|she)\b(?! that)",
        question,
    ):
        found.append("dangling pronoun")
    if re.match(r"(?:它|他|她|该|此|这|其)", question):
        found.append("dangling pronoun")
    told = rf"(?<![\w/.]){re.escape(pair.answer.lower())}(?![\w/])"
    if re.search(r"\bor\b|哪", question) is None and re.search(told, question.lower()):
        found.append("question holds its answer")
    has_han = re.search(r"[一-鿿]", question) is not None
    if pair.question_language == "zh" and not has_han:
        found.append("not a Chinese question")
    if pair.question_language == "en" and not re.match(r"[A-Z]", question):
        found.append("not an English question")
    other = pair.question_language != chunk.language
    if chunk.language in ("en", "zh") and other != (pair.type == "cross_lingual"):
        found.append("type and language disagree")
    return found


def _report_retrieval(chunks: list[TextChunk], made: list[Synthesis]) -> None:
    import bm25s

    index = bm25s.BM25(backend="numpy", csc_backend="numpy")
    index.index([search_terms(chunk.text) for chunk in chunks], show_progress=False)
    asked: list[tuple[int, QAPair]] = [
        (number, pair)
        for number, synthesis in enumerate(made)
        for pair in synthesis.qa_pairs
        if pair.type != "cross_lingual"
    ]
    if not asked:
        print("retrieval: no same-language question")
        return
    terms = [search_terms(pair.question) for _, pair in asked]
    found, _ = index.retrieve(terms, k=min(FIRST, len(chunks)), show_progress=False)
    hits: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for (number, pair), first in zip(asked, found, strict=True):
        totals[pair.question_language] += 1
        hits[pair.question_language] += number in first
    share = sum(hits.values()) / sum(totals.values())
    parts = {k: f"{hits[k] / totals[k]:.3f} of {totals[k]}" for k in sorted(totals)}
    print(f"gold chunk among BM25's first {FIRST}: {share:.3f}  {parts}")


def _print_sample(
    chunks: list[TextChunk], made: list[Synthesis], options: argparse.Namespace
) -> None:
    by_language: dict[str, list[tuple[TextChunk, QAPair]]] = {}
    for chunk, synthesis in zip(chunks, made, strict=True):
        for pair in synthesis.qa_pairs:
            by_language.setdefault(chunk.language, []).append((chunk, pair))
    for language, pairs in sorted(by_language.items()):
        if options.language not in (None, language):
            continue
        chosen = random.Random(options.seed).sample(pairs, min(options.sample, len(pairs)))
        print(f"\n== {language}: {len(chosen)} of {len(pairs)} pairs ==")
        for number, (chunk, pair) in enumerate(chosen, start=1):
            print(f"{number:3}. [{pair.type}] {' > '.join(chunk.headings)}")
            print(f"     Q {pair.question}")
            print(f"     A {pair.answer!r}")
            print(f"     … {_around(chunk, pair)!r}")


def _around(chunk: TextChunk, pair: QAPair) -> str:
    if pair.evidence is None:
        return ""
    return chunk.text[max(0, pair.evidence.start - 120) : pair.evidence.end + 60]


if __name__ == "__main__":
    main()
