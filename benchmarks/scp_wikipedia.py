"""Does it learn on real text? Answers from compressed Wikipedia passages, beside text and nothing.

    uv run python benchmarks/scp_wikipedia.py [FILE]                   # the full run: wants a GPU
    uv run python benchmarks/scp_wikipedia.py [FILE] --short           # a CPU: losses fall, no more
    uv run python benchmarks/scp_wikipedia.py [FILE] --minutes 60      # fewer steps, to fit
    uv run python benchmarks/scp_wikipedia.py [FILE] --arms text --json run.json --work run/
    uv run python benchmarks/scp_wikipedia.py [FILE] --arms memory --json run.json --work run/

FILE has `qa` rows (default: ../shared/data/scp_wikipedia_1000.jsonl), a tenth of whose documents
is held out. Each reader starts from the same base (SmolLM2-135M-Instruct from its wheel, frozen)
with adapters of the same size, and has the same rows and steps twice: first it writes down a
document's questions and answers (compression), then it answers one question (instruction).

    CLaRa Rx       reads memory: doc_max_length // R vectors a document
    full text      reads the document's text in its prompt, uncut; also shown: the base untrained
    no document    reads the question alone

Then all answer the same held-out questions, greedily. "Another document's" is a CLaRa reader that
is given the memory of another document: what it says without reading. Shares of full text come
with 95 % intervals (bootstrap over documents, paired). Losses are in nats a label token.
`--json` keeps the figures and every answer, and what is in it already is not trained again;
`--work` keeps checkpoints, so that an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.reading_arms import (
    Arm,
    ArmResult,
    Schedule,
    make_model,
    read,
    train_stage,
)
from benchmarks.reading_report import report, show_answers
from benchmarks.wikipedia_rows import (
    Portion,
    memory_examples,
    of_other_documents,
    portion_for,
    read_split,
    text_examples,
)
from clara_model import Clara, ClaraConfig
from clara_model.config import Stage
from clara_model.data.examples import Example
from clara_model.data.rows import StageRow
from clara_model.errors import ModelError
from clara_model.loading import resolve_device, resolve_dtype

DATA = Path(__file__).resolve().parents[2] / "shared/data/scp_wikipedia_1000.jsonl"
STAGES: tuple[Stage, ...] = ("compression", "instruction")
PROBE_STEPS = 4
TRAINING_SHARE = 0.8  # of --minutes; the rest is for answering and loading
FULL = {"steps": [1000, 1000], "batch_size": 32, "evaluation_rows": 128, "max_new_tokens": 64}
SHORT = {
    "steps": [6, 8],
    "batch_size": 4,
    "evaluation_rows": 4,
    "max_new_tokens": 24,
    "questions": 16,
}


class Benchmark:
    """The split, and the schedule that all readers share."""

    def __init__(self, options: argparse.Namespace, base: str) -> None:
        self.options = options
        self.base = base
        self.split = read_split(options.file, seed=options.seed, documents=options.rows)
        self.questions = self.split.held_out_questions(options.questions, options.seed)
        self.schedule = Schedule(
            options.batch_size, options.learning_rate, options.evaluation_rows, options.seed
        )
        self.rows: dict[Stage, Sequence[StageRow]] = {
            "compression": self.split.train,
            "instruction": self.split.train_questions,
        }
        self.steps = dict(zip(STAGES, options.steps, strict=True))

    def portion(self, stage: Stage) -> Portion:
        return portion_for(
            len(self.rows[stage]),
            steps=self.steps[stage],
            batch_size=self.options.batch_size,
            seed=self.options.seed,
        )

    def model(self, arm: Arm) -> Clara:
        config = ClaraConfig(
            doc_max_length=self.options.doc_max_length,
            compression_rate=arm.rate,
            seed=self.options.seed,
        )
        o = self.options
        return make_model(arm, self.base, config, device=o.device, dtype=o.dtype)

    def read_as(
        self,
        arm: Arm,
        model: Clara,
        stage: Stage,
        rows: Sequence[StageRow],
    ) -> list[Example]:
        """The examples of `rows`, in the arm's own way of reading."""
        examples = memory_examples(stage, rows, model.tokens, model.config)
        if arm.reads == "memory":
            return examples
        texts = self.split.texts if arm.reads == "text" else {}
        return text_examples(stage, examples, texts, model.tokens)

    def run(self, arm: Arm) -> ArmResult:
        """Trains one reader and asks it the held-out questions."""
        model = self.model(arm)
        asked = self.read_as(arm, model, "instruction", self.questions)
        if arm.reads == "memory":
            print(f"\n{arm.name}: {memory_in_words(model.config, asked)}")
        length = self.options.max_new_tokens
        readings, curves = [], []
        if arm.reads == "text":
            print("\nfull text, untrained", flush=True)
            readings.append(read("full text, untrained", model, asked, max_new_tokens=length))
        for stage in STAGES:
            print(f"\n{arm.name}, {stage}", flush=True)
            rows, portion = self.rows[stage], self.portion(stage)
            held_out = asked
            if stage == "compression":
                held_out = self.read_as(arm, model, stage, self.split.held_out)
            curves.append(
                train_stage(
                    model,
                    stage,
                    self.read_as(arm, model, stage, [rows[at] for at in portion.rows]),
                    held_out,
                    self.schedule,
                    epochs=portion.epochs,
                    output=self.output(arm, stage),
                    identity={"arm": arm.name, "reads": arm.reads, **settings(self)},
                )
            )
        readings.append(read(arm.name, model, asked, max_new_tokens=length))
        if arm.reads == "memory":
            others = of_other_documents(asked)
            name = f"{arm.name}, another document's"
            readings.append(read(name, model, others, max_new_tokens=length))
        return ArmResult(name=arm.name, curves=curves, readings=readings)

    def output(self, arm: Arm, stage: Stage) -> Path | None:
        work: Path | None = self.options.work
        return None if work is None else work / arm.name.replace(" ", "-") / stage

    def fit_into(self, minutes: float, arms: Sequence[Arm]) -> None:
        """Lowers the steps, by the same factor in both stages, so that `arms` take so long."""
        needed_s = 0.0
        for arm in arms:
            model = self.model(arm)
            for stage in STAGES:
                rows = self.rows[stage][: PROBE_STEPS * self.options.batch_size]
                examples = self.read_as(arm, model, stage, rows)
                curve = train_stage(model, stage, examples, [], self.schedule, epochs=1)
                needed_s += curve.step_s * self.portion(stage).steps
        factor = min(1.0, TRAINING_SHARE * 60 * minutes / needed_s)
        wanted = " and ".join(map(str, self.steps.values()))
        self.steps = {stage: max(1, int(factor * self.steps[stage])) for stage in STAGES}
        print(
            f"{wanted} steps would take {needed_s / 60:.1f} minutes of training; {minutes:g} "
            f"minutes in all allow {' and '.join(map(str, self.steps.values()))}"
        )


def memory_in_words(config: ClaraConfig, examples: Sequence[Example]) -> str:
    """How strongly the examples' documents are compressed: most are shorter than the maximum."""
    documents = {d.key: d for example in examples for d in example.documents}.values()
    mean = fmean(len(document.ids) for document in documents)
    return (
        f"{config.memory_tokens} vectors a document; the {len(documents)} held-out documents have "
        f"{mean:.0f} tokens in the mean, {mean / config.memory_tokens:.1f} a vector, and "
        f"{sum(document.is_cut for document in documents)} are cut at {config.doc_max_length}"
    )


def settings(benchmark: Benchmark) -> dict[str, Any]:
    """What decides the figures, as JSON values."""
    o = benchmark.options
    device = resolve_device(o.device)
    return {
        "file": o.file.name,
        "base": Path(benchmark.base).name,
        "device": device.type,
        "dtype": str(resolve_dtype(o.dtype, device)).removeprefix("torch."),
        "train_documents": len(benchmark.split.train),
        "held_out_documents": len(benchmark.split.held_out),
        "questions": len(benchmark.questions),
        "steps": [benchmark.portion(stage).steps for stage in STAGES],
        "batch_size": o.batch_size,
        "learning_rate": o.learning_rate,
        "doc_max_length": o.doc_max_length,
        "evaluation_rows": o.evaluation_rows,
        "max_new_tokens": o.max_new_tokens,
        "seed": o.seed,
    }


def known(file: Path | None, wanted: dict[str, Any]) -> dict[str, ArmResult]:
    """Results that `file` holds already. Exits where they are of other settings."""
    if file is None or not file.is_file():
        return {}
    kept = json.loads(file.read_bytes())
    if kept["settings"] != wanted:
        odd = [k for k in wanted if kept["settings"].get(k) != wanted[k]]
        sys.exit(f"{file} holds a run of other settings ({', '.join(odd)}): name another file")
    return {result["name"]: ArmResult.model_validate(result) for result in kept["arms"]}


def keep(file: Path, settings: dict[str, Any], results: dict[str, ArmResult]) -> None:
    """Writes what `known` reads; the file is whole at any time."""
    kept = {"settings": settings, "arms": [result.model_dump() for result in results.values()]}
    draft = file.with_name(f".{file.name}.draft")
    draft.write_text(json.dumps(kept, indent=1, ensure_ascii=False), encoding="utf-8")
    draft.replace(file)


def main() -> int:
    o = _arguments()
    from flows.prepare_model import default_base, find_base

    try:
        base = str(default_base()) if o.base_model is None else find_base(o.base_model)
        benchmark = Benchmark(o, base)
        arms = {
            "none": [Arm("nothing", max(o.rates))],
            "text": [Arm("text", max(o.rates))],
            "memory": [Arm("memory", rate) for rate in o.rates],
        }
        chosen = [arm for kind in arms if kind in o.arms for arm in arms[kind]]
        print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; base {base}\n"
            f"{len(benchmark.split.train)} documents to train on, "
            f"{len(benchmark.split.held_out)} held out, {len(benchmark.questions)} questions asked"
        )
        if o.minutes is not None:
            benchmark.fit_into(o.minutes, chosen)
        wanted = settings(benchmark)
        print(_words(wanted), flush=True)
        results = known(o.json, wanted)
        for arm in chosen:
            if arm.name in results:
                continue
            began = time.perf_counter()
            results[arm.name] = benchmark.run(arm)
            print(f"{arm.name}: {(time.perf_counter() - began) / 60:.1f} minutes", flush=True)
            if o.json is not None:
                keep(o.json, wanted, results)
    except ModelError as error:
        print(error, file=sys.stderr)
        return 1
    show_answers(list(results.values()), benchmark.questions[: o.show])
    report(list(results.values()), short=o.short, seed=o.seed)
    return 0


def _words(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"Defaults of a full run: {_words(FULL)}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, nargs="?", default=DATA)
    parser.add_argument(
        "--short", action="store_true", help=f"for a CPU; defaults: {_words(SHORT)}"
    )
    parser.add_argument("--rates", type=int, nargs="+", default=[4, 16])
    parser.add_argument(
        "--arms", nargs="+", choices=["none", "text", "memory"], default=["none", "text", "memory"]
    )
    parser.add_argument("--steps", type=int, nargs=2, metavar=("COMPRESSION", "INSTRUCTION"))
    parser.add_argument("--minutes", type=float, help="lower the steps so that the run fits")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--rows", type=int, help="documents to train on, at most; default: all")
    parser.add_argument("--questions", type=int, help="held-out questions asked; default: all")
    parser.add_argument("--max-new-tokens", type=int, help="of an answer")
    parser.add_argument("--evaluation-rows", type=int, help="held-out rows whose loss is taken")
    parser.add_argument("--doc-max-length", type=int, default=256)
    parser.add_argument("--base-model", help="default: SmolLM2-135M-Instruct from its wheel")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the figures and the answers")
    parser.add_argument("--work", type=Path, help="folder for checkpoints to go on from")
    parser.add_argument("--show", type=int, default=3, help="questions whose answers are printed")
    options = parser.parse_args()
    for name, value in (SHORT if options.short else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


if __name__ == "__main__":
    sys.exit(main())
