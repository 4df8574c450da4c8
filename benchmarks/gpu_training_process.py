"""One measurement of `benchmarks.gpu_training`, in a process of its own.

Trains some steps with the product's own Trainer on random rows and prints what it measured as one
line of JSON. The micro-batch starts at the whole batch: the trainer halves it until it fits, and
what it ends with is the largest (of the batch's halves) that fits.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clara_model import Clara, ClaraConfig
from clara_model.batches import IGNORED
from clara_model.config import STAGES, DType, Quantization, Stage
from clara_model.data.examples import Document, Example, as_ids
from clara_model.errors import ModelError
from clara_model.tracking.records import StepMetrics
from clara_model.training.callbacks import Callback
from clara_model.training.loop import Trainer
from clara_model.training.options import TrainOptions

SEED = 7
_UNBOUNDED_TOKENS = 1 << 40


@dataclass(frozen=True)
class Shape:
    """Of the base and of the rows; the defaults are Qwen3-4B and the paper's rows."""

    layers: int = 36
    hidden: int = 2560
    heads: int = 32
    kv_heads: int = 8
    head_dim: int = 128
    intermediate: int = 9728
    vocabulary: int = 151_936
    doc_max_length: int = 256
    compression_rate: int = 16
    shortest_document: int = 192
    """Documents have this to doc_max_length tokens, evenly."""
    query_tokens: int = 24
    prompt_tokens: int = 60
    """Without slots."""
    compression_answer: int = 200
    """Label tokens of a row of compression: all question-answer pairs of a document."""
    answer: int = 30
    """Label tokens of a row of the other stages."""
    top_k: int = 5
    candidates: int = 20
    reading_rows: int = 128
    """Of a step of compression and instruction."""
    retrieving_rows: int = 32

    def rows(self, stage: Stage) -> int:
        retrieves = stage in ("end_to_end", "reasoning")
        return self.retrieving_rows if retrieves else self.reading_rows


SHAPES = {
    "qwen3-4b": Shape(),
    "tiny": Shape(
        layers=2, hidden=64, heads=4, kv_heads=2, head_dim=16, intermediate=128, vocabulary=1024,
        doc_max_length=48, compression_rate=12, shortest_document=24, query_tokens=8,
        prompt_tokens=20, compression_answer=20, answer=8, top_k=2, candidates=4,
        reading_rows=8, retrieving_rows=4,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Medians over the steps after the first."""

    step_s: float
    tokens_per_s: float
    tflops_per_s: float
    mfu: float | None
    peak_gib: float | None
    """The model, its optimizer and everything else that torch allocated."""
    micro_batch_rows: int
    batch_rows: int
    skipped_steps: int
    last_loss: float


def write_base(folder: Path, shape: Shape, device: str) -> None:
    """A Qwen3 of that shape with random weights, and a tokenizer that is just large enough."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    words = ["<unk>", "<pad>", "<s>", "</s>"]
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="<unk>",
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
    ).save_pretrained(folder)
    config = Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        eos_token_id=3,
        pad_token_id=1,
    )
    torch.manual_seed(SEED)
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            model = Qwen3ForCausalLM(config)
    finally:
        torch.set_default_dtype(previous)
    model.save_pretrained(folder)


def make_rows(shape: Shape, stage: Stage, model: Clara) -> list[Example]:
    """The rows of one step, of random tokens; no two share a document."""
    random = np.random.default_rng(SEED)
    first_free = model.tokens.size
    tokens = model.tokens

    def words(count: int) -> list[int]:
        return random.integers(first_free, shape.vocabulary, count).tolist()

    def encoded(count: int) -> list[int]:
        return [tokens.enc_id, tokens.bos_id, *words(count - 3), tokens.eos_id]

    def document(row: int, place: int) -> Document:
        length = int(random.integers(shape.shortest_document, shape.doc_max_length + 1))
        return Document(
            key=f"{row}-{place}", ids=as_ids(encoded(length)), full_length=length, language="en"
        )

    slots = 1 if stage == "compression" else shape.top_k
    retrieves = stage in ("end_to_end", "reasoning")
    shown = shape.candidates if retrieves else slots
    answer = shape.compression_answer if stage == "compression" else shape.answer
    rows = []
    for row in range(shape.rows(stage)):
        prompt = words(shape.prompt_tokens // 2) + tokens.slot_ids(slots)
        prompt += words(shape.prompt_tokens // 2)
        target = words(answer)
        rows.append(
            Example(
                row_id=str(row),
                input_ids=as_ids(prompt + target),
                labels=as_ids([IGNORED] * len(prompt) + target),
                prompt_length=len(prompt),
                documents=tuple(document(row, place) for place in range(shown)),
                question="",
                answers=("",),
                queries=(as_ids(encoded(shape.query_tokens)),) if retrieves else (),
                slots=tuple((0, place) for place in range(slots)) if stage == "reasoning" else (),
                positives=(0,) if stage == "end_to_end" else None,
            )
        )
    return rows


class Recorder(Callback):
    """Keeps the figures of every step."""

    def __init__(self) -> None:
        self.steps: list[StepMetrics] = []

    def on_step_end(self, trainer: Trainer, metrics: StepMetrics) -> None:
        self.steps.append(metrics)


def measure(model: Clara, shape: Shape, stage: Stage, options: argparse.Namespace) -> Measured:
    model.set_stage(stage)
    rows = make_rows(shape, stage, model)
    recorder = Recorder()
    trainer = Trainer(
        model,
        rows,
        TrainOptions(
            schedule="constant",
            batch_size=len(rows),
            epochs=1 + options.steps,
            micro_batch_size=len(rows),
            max_micro_batch_tokens=_UNBOUNDED_TOKENS,
            gradient_checkpointing=options.checkpointing,
            document_cache=options.document_cache,
            evaluation_rows=0,
        ),
        callbacks=[recorder],
        say=lambda line: print(line, file=sys.stderr),
    )
    trainer.train()
    # The first step looks for the micro-batch, warms kernels and fills the document cache.
    steps = recorder.steps[1:]
    mfus = [step.mfu for step in steps if step.mfu is not None]
    peaks = [s.peak_memory_bytes for s in steps if s.peak_memory_bytes is not None]
    return Measured(
        step_s=statistics.median(step.seconds for step in steps),
        tokens_per_s=statistics.median(step.tokens_per_s for step in steps),
        tflops_per_s=statistics.median(step.flops_per_s for step in steps) / 1e12,
        mfu=statistics.median(mfus) if mfus else None,
        peak_gib=max(peaks) / 2**30 if peaks else None,
        micro_batch_rows=steps[-1].micro_batch_size,
        batch_rows=len(rows),
        skipped_steps=sum(step.skipped for step in recorder.steps),
        last_loss=steps[-1].loss,
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    if options.cap_gib is not None:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, options.cap_gib * 2**30 / total))
    shape = SHAPES[options.shape]
    config = ClaraConfig(
        doc_max_length=shape.doc_max_length,
        compression_rate=shape.compression_rate,
        top_k=shape.top_k,
    )
    dtype: DType = options.dtype
    quantization: Quantization = options.quantization
    try:
        model = Clara.from_base(
            options.base, config, device=options.device, dtype=dtype, quantization=quantization
        )
        return asdict(measure(model, shape, options.stage, options))
    except ModelError as error:
        return {"failed": str(error)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--shape", choices=list(SHAPES), required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--quantization", default="none")
    parser.add_argument("--cap-gib", type=float)
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--document-cache", default="memory")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--write-base", action="store_true", help="only make the base")
    options = parser.parse_args()
    if options.write_base:
        write_base(options.base, SHAPES[options.shape], options.device)
        return
    print(json.dumps(run(options)))


if __name__ == "__main__":
    main()
