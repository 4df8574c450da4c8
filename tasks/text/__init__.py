"""What the pipeline knows about written English and Chinese.

One normaliser serves matching, BM25, duplicate search, grounding and EM/F1; stored text is
never normalised. Every function here is pure, deterministic and fast enough for thousands of
chunks.
"""

from __future__ import annotations

from clara_model.text.language import han_share, is_readable, language_of
from clara_model.text.normalise import normalise
from clara_model.text.scripts import HAN_CLASS, count_han, is_han, weighted_length
from tasks.text.sentences import clause_spans, sentence_spans
from tasks.text.terms import search_terms

__all__ = [
    "HAN_CLASS",
    "clause_spans",
    "count_han",
    "han_share",
    "is_han",
    "is_readable",
    "language_of",
    "normalise",
    "search_terms",
    "sentence_spans",
    "weighted_length",
]
