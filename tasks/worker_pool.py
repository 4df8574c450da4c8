"""Processes that stay alive, do one job at a time, and may die without taking anyone along.

docling costs 18 CPU-seconds to start, so a worker lives for the whole run. A job that hangs,
crashes or eats the machine's memory costs its own worker and nothing else: the pool kills it,
reports it, and starts a new one for the next job. (`concurrent.futures` breaks the whole pool
when one process dies, which is why it does not serve here.)
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any

from tasks.errors import FileRejected, WorkerDied
from tasks.offline import forbid_network, network_is_forbidden

_POLL_S = 0.25
_starting = threading.Lock()  # workers are spawned one by one: see _main_module_left_alone
LEAST_BYTES_A_WORKER = 4 << 30
# A process a core: libraries that start a thread a core each would get in one another's way.
_THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
    "RAYON_NUM_THREADS",
)


def default_workers() -> int:
    """A process a core, as far as memory goes: docling peaks at 3.3 GB on a long PDF."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    by_memory = psutil.virtual_memory().total // LEAST_BYTES_A_WORKER
    return max(1, min(cores or 1, by_memory))


def memory_share(workers: int) -> int:
    """Bytes that each of this many workers of the machine may take."""
    import psutil

    return max(psutil.virtual_memory().total * 8 // 10 // workers, 2 << 30)


class WorkerPool:
    """Runs functions, named `module:function`, in up to `size` processes.

    `run` may be called from many threads; each call takes one idle worker. Arguments and results
    must pickle: they travel over a pipe between processes of the same program, never from a file.
    """

    def __init__(self, size: int, memory_limit_bytes: int | None = None) -> None:
        self.size = size
        # Beyond this a worker is on its way to bring the whole machine down.
        self.memory_limit_bytes = memory_limit_bytes or memory_share(size)
        self._context = multiprocessing.get_context("spawn")
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        self._all: set[_Worker] = set()
        self._lock = threading.Lock()
        self._closed = False
        for _ in range(size):
            self._idle.put(None)  # a worker is started when its first job comes

    def run(self, function: str, *arguments: Any, timeout_s: float | None = None) -> Any:
        """Calls `function` with `arguments` in a worker and returns what it returns.

        Raises what the function raised; WorkerDied where the process ended without an answer;
        FileRejected("timeout" or "out_of_memory") where it was killed for taking too much.
        """
        worker = self._idle.get()
        try:
            if self._closed:
                raise WorkerDied("the worker pool was closed while work was waiting")
            if worker is None or not worker.alive():
                worker = self._start()
            answer = worker.ask(function, arguments, timeout_s, self.memory_limit_bytes)
        except BaseException:
            if worker is not None and not worker.ready:
                self._discard(worker)
                worker = None
            raise
        finally:
            self._idle.put(worker)
        return answer

    def close(self) -> None:
        """Ends all workers. Safe to call twice, and while jobs are running."""
        self._closed = True
        with self._lock:
            workers, self._all = list(self._all), set()
        for worker in workers:
            worker.kill()

    def _start(self) -> _Worker:
        worker = _Worker(self._context)
        with self._lock:
            if not self._closed:
                self._all.add(worker)
                return worker
        worker.kill()
        raise WorkerDied("the worker pool was closed while work was waiting")

    def _discard(self, worker: _Worker) -> None:
        worker.kill()
        with self._lock:
            self._all.discard(worker)

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Worker:
    """One process and the pipe to it. `ready` is false while a job is unanswered."""

    def __init__(self, context: Any) -> None:
        ours, theirs = context.Pipe()
        self.pipe: Connection = ours
        life = (theirs, os.getpid(), network_is_forbidden())
        self.process = context.Process(target=_serve, args=life, daemon=True)
        with _main_module_left_alone():
            self.process.start()
        theirs.close()
        self.ready = True

    def alive(self) -> bool:
        return self.ready and bool(self.process.is_alive())

    def ask(
        self,
        function: str,
        arguments: tuple[Any, ...],
        timeout_s: float | None,
        memory_limit_bytes: int,
    ) -> Any:
        self.ready = False
        started = time.monotonic()
        try:
            self.pipe.send((function, arguments))
            while not self.pipe.poll(_POLL_S):
                if not self.process.is_alive() and not self.pipe.poll(0):
                    raise WorkerDied(self._epitaph())
                if timeout_s is not None and time.monotonic() - started > timeout_s:
                    raise FileRejected(
                        "timeout",
                        f"gave up after {timeout_s:g} seconds (--document-timeout raises it)",
                        retryable=True,
                    )
                if self._resident_bytes() > memory_limit_bytes:
                    raise FileRejected(
                        "out_of_memory",
                        f"needed more than {memory_limit_bytes / 2**30:.1f} GiB of memory "
                        "(fewer --workers leave more for each)",
                        retryable=True,
                    )
            succeeded, value = self.pipe.recv()
        except (EOFError, ConnectionError, BrokenPipeError) as error:
            self.process.join(timeout=5)
            raise WorkerDied(self._epitaph()) from error
        self.ready = True
        if succeeded:
            return value
        raise value

    def _epitaph(self) -> str:
        code = self.process.exitcode
        if code is not None and code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
            return f"the worker process was ended by {name}"
        return f"the worker process ended with exit code {code}"

    def _resident_bytes(self) -> int:
        import psutil

        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def kill(self) -> None:
        self.ready = False
        if self.process.is_alive():
            self.process.kill()
        self.process.join(timeout=5)
        self.pipe.close()


@contextmanager
def _main_module_left_alone() -> Iterator[None]:
    """A spawned process imports its parent's main module anew unless that has no name.

    Under a deployment that is prefect.engine, whose imports take seconds, and jobs need none of it.
    """
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _serve(pipe: Connection, parent_pid: int, offline: bool) -> None:
    """A worker's life: answer jobs until the pipe closes."""
    # Read when numpy, OpenCV and torch are first imported, which is after this.
    os.environ.update(dict.fromkeys(_THREAD_LIMITS, "1"))
    forbid_network(offline)
    # Ctrl-C reaches the whole process group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, args=(parent_pid,), daemon=True).start()
    while True:
        try:
            function, arguments = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = (True, _resolve(function)(*arguments))
        except MemoryError:
            detail = "this needs more memory than there is (fewer --workers leave more for each)"
            answer = (False, FileRejected("out_of_memory", detail, retryable=True))
        except Exception as error:
            answer = (False, _portable(error))
        try:
            pipe.send(answer)
        except OSError:
            return


def _leave_with_parent(parent_pid: int) -> None:
    """Ends a worker whose parent was killed: nobody else would."""
    while os.getppid() == parent_pid:
        time.sleep(1.0)
    os._exit(1)


def _resolve(function: str) -> Callable[..., Any]:
    module, name = function.split(":")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


def _portable(error: Exception) -> Exception:
    """The error itself where it survives the pipe, else one that says the same."""
    import pickle

    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes, to see that they travel)
    except Exception:
        return WorkerJobFailed(f"{type(error).__name__}: {error}")
    return error


class WorkerJobFailed(Exception):
    """A job raised an error that cannot travel between processes; its text is kept."""


_shared: dict[str, WorkerPool] = {}
_shared_lock = threading.Lock()


def shared_pool(size: int | None = None, *, neighbours: int = 0) -> WorkerPool:
    """This process's pool, made at the first call; `size` and `neighbours` matter only then.

    `neighbours`: workers of other pools on this machine, which need their share of its memory.
    """
    with _shared_lock:
        pool = _shared.get("pool")
        if pool is None or pool._closed:
            size = size or default_workers()
            pool = _shared["pool"] = WorkerPool(size, memory_share(size + neighbours))
        return pool


def close_shared_pool() -> None:
    with _shared_lock:
        pool = _shared.pop("pool", None)
    if pool is not None:
        pool.close()
