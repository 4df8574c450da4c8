"""Jobs for the worker pool's tests: they run in worker processes, so they live in a module."""

from __future__ import annotations

import os
import signal
import time

from tasks.errors import FileRejected


def double(value: int) -> int:
    return value * 2


def process_id() -> int:
    return os.getpid()


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(code: int) -> None:
    os._exit(code)


def eat(megabytes: int) -> int:
    block = bytearray(megabytes << 20)
    for at in range(0, len(block), 4096):
        block[at] = 1
    time.sleep(30)
    return len(block)


def reject() -> None:
    raise FileRejected("bad_thing", "it is bad", retryable=True)


class Unpicklable(Exception):
    def __init__(self) -> None:
        super().__init__("cannot travel")
        self.handle = open(os.devnull)  # noqa: SIM115


def raise_unpicklable() -> None:
    raise Unpicklable
