"""Which documents of a corpus are held out: asked by every step that must not train on them."""

from __future__ import annotations

from tasks.corpus import Corpus
from tasks.heldout import HeldOutSplit, held_out_paths


def split_of(corpus: Corpus) -> HeldOutSplit:
    """The same for the same corpus, at whatever step of the run it is asked for."""
    options = corpus.plan.options
    # Only documents that gave rows: holding out one that gave none would leave nothing to evaluate.
    with_rows = {numbered.row.file_path for numbered in corpus.rows}
    sketches = {path: text for path, text in corpus.sketches().items() if path in with_rows}
    return held_out_paths(sketches, options.eval_fraction, options.seed)
