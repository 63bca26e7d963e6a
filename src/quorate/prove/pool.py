"""Processes that work side by side on this machine, as a `concurrent.futures.Executor`.

A `ProcessPoolExecutor` may hang when one of its processes is killed (CPython gh-94777, in Debian 12's Python), and
ends an interruption only when all is done that was begun. Here each process has a thread and a pipe of its own.
"""

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import ParamSpec, TypeVar

_CONTEXT = multiprocessing.get_context("forkserver")  # forked from this process they would hold its pipes open

Given = ParamSpec("Given")
Made = TypeVar("Made")


class WorkerLost(Exception):
    """A process ended before it had done its work; the message says how."""


class Pool(Executor):
    """So many processes, started when there is work; they end with this one.

    Work whose process ends before it is done raises WorkerLost; the next starts a new process. To shut it down, or
    to leave its context, ends all work that is not done.
    """

    def __init__(self, width: int | None = None) -> None:
        with _ignored(signal.SIGINT):
            # what it starts inherits that: a Ctrl-C is for this process alone
            forkserver.ensure_running()
        self._threads = ThreadPoolExecutor(width or os.cpu_count() or 1, "pool")
        self._own = threading.local()
        self._changing = threading.Lock()
        self._processes: list[ForkServerProcess] = []
        self._ended = False

    def submit(
        self, function: Callable[Given, Made], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Made]:
        """Have one of the processes call a function; it and what it is given must be possible to pickle."""
        return self._threads.submit(self._call, partial(function, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End the processes at once, whatever they do; `wait` until they are gone."""
        with _ignored(signal.SIGINT):  # who presses Ctrl-C twice leaves no less behind
            self._threads.shutdown(wait=False, cancel_futures=cancel_futures)
            with self._changing:
                self._ended = True
                for process in self._processes:
                    process.kill()
            self._threads.shutdown(wait)

    def _call(self, work: Callable[[], Made]) -> Made:
        process, connection = self._worker()
        try:
            connection.send(work)
            ok, result = connection.recv()
        except (EOFError, OSError) as error:
            connection.close()
            process.join()
            raise WorkerLost(f"a worker process ended with {process.exitcode}") from error
        if ok:
            made: Made = result
            return made
        raise result

    def _worker(self) -> tuple[ForkServerProcess, Connection]:
        """The thread's process and the pipe to it: a new one if there is none that lives."""
        mine: tuple[ForkServerProcess, Connection] | None = getattr(self._own, "worker", None)
        if mine is None or not mine[0].is_alive():
            mine = self._own.worker = self._started()
        return mine

    def _started(self) -> tuple[ForkServerProcess, Connection]:
        with self._changing:
            if self._ended:
                raise WorkerLost("the pool was shut down")
            here, there = _CONTEXT.Pipe()
            process = _CONTEXT.Process(target=_serve, args=(there,), daemon=True)
            process.start()
            there.close()
            self._processes.append(process)
            return process, here


def _serve(connection: Connection) -> None:
    """Do what comes, until nothing more can."""
    _end_with_parent()
    while True:
        try:
            work = connection.recv_bytes()
        except EOFError:
            return
        try:
            answer = True, pickle.loads(work)()  # noqa: S301 - from the process that started this one
        except Exception as error:  # noqa: BLE001 - it is the caller's, wherever it is from
            answer = False, error
        connection.send(answer)


def _end_with_parent() -> None:
    """Have this process end with its parent, also in the midst of its work."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _ignored(signum: signal.Signals) -> Iterator[None]:
    """Ignore a signal for a moment, where that can be done (Python handles signals in the main thread alone)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signum, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signum, before)
