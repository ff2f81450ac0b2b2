"""PDFium in a process of its own, which can be ended.

A page that calls itself twice in each of thirty forms keeps the library busy for days, and nothing in the
library can be told to stop; another may end the process that draws it. So hostile pages are looked at in a
copy of this process: it is made when first asked (a few milliseconds; the file's bytes are shared, not
copied), answers questions one by one, and is killed when it is too slow or no longer wanted. Should this
process be killed first, the copy's own limit on processor time ends it.

The copy has one thread. It takes nothing from the others but memory, and PDFium is let alone by them while it
is made (`signing.pdfium_alone`). Where no process can be made, questions are answered here.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from typing import Final, Generic, TypeVar

from signing.pdfium_alone import alone

PROCESSOR_SECONDS: Final = 60
Q = TypeVar("Q")
A = TypeVar("A")


class ChildLost(Exception):
    """The process did not answer in time, or ended; it is gone."""


class PdfiumChild(Generic[Q, A]):
    """Answers questions with `serve`, in a process of its own. Questions and answers are pickled."""

    def __init__(self, serve: Callable[[Q], A]) -> None:
        self._serve = serve
        self._pid = 0
        self._line: Connection | None = None
        self._lost = False

    def ask(self, question: Q, seconds: float) -> A:
        """The answer of `serve`; raises `ChildLost` after `seconds`, and at once ever after."""
        if self._lost:
            raise ChildLost("ended")
        if self._line is None:
            try:
                self._line = self._made()
            except OSError:
                return self._serve(question)
        reason = "too slow"
        try:
            self._line.send(question)
            if self._line.poll(max(seconds, 0.0)):
                answer: A = self._line.recv()
                return answer
        except (OSError, EOFError):
            reason = "ended"
        self._lost = True
        self.close()
        raise ChildLost(reason)

    def close(self) -> None:
        """End the process."""
        if self._line is None:
            return
        self._line.close()
        self._line = None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    @alone
    def _made(self) -> Connection:
        here, there = Pipe()
        try:
            self._pid = os.fork()
        except OSError:
            here.close()
            there.close()
            raise
        if not self._pid:
            here.close()
            self._work(there)
        there.close()
        return here

    def _work(self, line: Connection) -> None:
        """Serve until the line is closed; never returns."""
        try:
            _limit_processor()
            while True:
                line.send(self._serve(line.recv()))
        finally:
            # Whatever happened: nothing of this copy may go on as if it were the original.
            os._exit(0)


def _limit_processor() -> None:
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = PROCESSOR_SECONDS if most == resource.RLIM_INFINITY else min(PROCESSOR_SECONDS, most)
    resource.setrlimit(resource.RLIMIT_CPU, (wanted, wanted))
