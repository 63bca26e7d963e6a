"""The channel to the controller: frames in, JSON lines out, a thread for each request."""

from __future__ import annotations

import json
import os
import queue
import threading
import time
import traceback
import zlib
from typing import Any, Callable

SILENCE_S = 60.0  # the controller sends an empty frame every 10 s; so long without one means it is gone

Json = dict[str, Any]
Serve = Callable[["Agent", Json, threading.Event], None]


class Agent:
    """Reads requests, serves each in a thread of its own, and writes what they report."""

    def __init__(self, source: Any, sink: int, serve: Serve) -> None:
        self.source, self.sink, self.serve = source, sink, serve
        self.gone = threading.Event()  # nobody listens any more
        self.heard = time.monotonic()
        self.out: queue.Queue[bytes | None] = queue.Queue()
        self.locks: list[int] = []
        self.would_write: set[str] = set()  # what check mode found, for the Renewed items that come later
        self.cancels: dict[int, threading.Event] = {}
        self.threads: list[threading.Thread] = []

    def send(self, event: Json) -> None:
        self.out.put(json.dumps(event, separators=(",", ":")).encode() + b"\n")

    def write(self) -> None:
        """Write the queue out; only this thread ever blocks when the controller stops reading."""
        while True:
            data = self.out.get()
            if data is None:
                return
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self.sink, view) :]
            except OSError:
                self.gone.set()
                return

    def frame(self) -> bytes | None:
        """The next frame; empty for a sign of life, None at the end of the channel."""
        header = self.source.readline()
        if not header.endswith(b"\n"):
            return None
        left, parts = int(header), []
        while left:
            part = self.source.read1(min(left, 65536))
            if not part:
                return None
            self.heard = time.monotonic()
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def read(self) -> None:
        try:
            while True:
                data = self.frame()
                if data is None:
                    break
                self.heard = time.monotonic()
                if data:
                    self.begin(json.loads(zlib.decompress(data)))
        except (OSError, ValueError, zlib.error) as error:
            self.send({"error": unexpected(error)})
        self.gone.set()

    def begin(self, request: Json) -> None:
        if request["op"] == "cancel":
            if request["of"] in self.cancels:
                self.cancels[request["of"]].set()
            return
        cancelled = self.cancels[request["id"]] = threading.Event()

        def work() -> None:
            self.serve(self, request, cancelled)
            self.cancels.pop(request["id"], None)

        thread = threading.Thread(target=work)
        self.threads = [each for each in self.threads if each.is_alive()]
        self.threads.append(thread)
        thread.start()

    def live(self) -> None:
        """Serve until the controller is gone and what had begun has ended."""
        writer = threading.Thread(target=self.write, daemon=True)
        writer.start()
        threading.Thread(target=self.read, daemon=True).start()
        while not self.gone.wait(1.0):
            if time.monotonic() - self.heard > SILENCE_S:
                self.gone.set()
        for lock in self.locks:
            holder = json.loads(os.pread(lock, 65536, 0))
            os.pwrite(lock, json.dumps(dict(holder, cut_off=True)).encode(), 0)
        for thread in list(self.threads):
            thread.join()
        self.out.put(None)
        writer.join(1.0)


def unexpected(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    module = os.path.basename(frame.filename)
    return f"{type(error).__name__}: {error} (in {frame.name}, line {frame.lineno} of the agent's {module})"
