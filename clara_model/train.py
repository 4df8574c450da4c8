"""`python -m clara_model.train CONFIG.json`: trains the stages of a configuration file.

One process:    python -m clara_model.train run.json
Several GPUs:   accelerate launch --multi_gpu --num_processes 4 -m clara_model.train run.json
Several CPUs:   torchrun --nproc-per-node 2 -m clara_model.train run.json
                (accelerate launch starts a single process where there is no GPU)
A base that does not fit on one GPU: "shard_base": true in run.json (not yet run on GPUs).

The file has the names of clara_model.training.config.TrainConfig (JSON or YAML). The batch size is
of all processes together. SIGTERM and Ctrl-C write a checkpoint; the same command goes on from it.
With CLARA_LIFELINE=stdin the end of stdin does the same (clara_model/training/lifeline.py).
Exit codes: 0 done, 1 failed, 2 used wrongly, 130 interrupted.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from clara_model.errors import ModelError
from clara_model.training.lifeline import watch_lifeline


def main(arguments: list[str] | None = None) -> int:
    """Runs the command with `arguments` (the process's own by default); gives the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if given in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if len(given) != 1:
        print(f"Name one configuration file.\n\n{__doc__}", file=sys.stderr)
        return 2
    try:
        with sigterm_interrupts():
            watch_lifeline()
            return _train(Path(given[0]))
    except ModelError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Inside, SIGTERM is what Ctrl-C is; the training loop answers both itself while it runs.

    Reading data and loading the base take long enough to be stopped there. Does nothing outside
    of the main thread, where Python takes no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _train(file: Path) -> int:
    from clara_model.training.distributed import Processes
    from clara_model.training.resolve import resolve_config
    from clara_model.training.run import run_stages

    resolved = resolve_config(file=file)
    processes = Processes.join(resolved.config.device)
    if processes.is_main:
        print("\n".join(resolved.notices), flush=True)
    try:
        run_stages(resolved.config, processes=processes)
    finally:
        processes.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
