"""Verification, and reading of first pages, in spawned processes that can be killed one by one.

Each worker is a process of its own with a pipe of its own: it gets one path at a time and answers with one
report: JSON of limited length, read as it comes and never executed, for a worker may have been taken over by
the file it reads (`hub.workers.verifier_wire`). A worker that dies loses exactly its job
(`VerificationCrashed`); one that is too slow is killed (`VerificationTimedOut`); others never notice. Workers
limit their own address space, are replaced after some hundred jobs, and are started ahead so that the first
document does not wait for imports. Spawned, never forked: the parent has threads and a loop.

Life of a worker: start → "ready" → (job → report)* → replaced. A worker whose start fails is tried again
with growing pauses; jobs wait meanwhile and end only by their own time limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import resource
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hub.ports.verification import VerificationCrashed, VerificationTimedOut, VerifierStopped
from hub.workers.verifier_wire import (
    READY,
    Answer,
    Job,
    Lines,
    PageJob,
    Pipe,
    Printed,
    PrintJob,
    VerifyJob,
    WireBroken,
)
from signing.report import FileReport

if TYPE_CHECKING:
    from signing.online import OnlineRules

JOBS_PER_WORKER = 400
START_SECONDS = 60.0
STOP_SECONDS = 3.0
RESTART_PAUSE = 0.2
MAX_RESTART_PAUSE = 10.0
_SPAWN = multiprocessing.get_context("spawn")


class _Worker:
    """One process and our end of its pipe; used by one job at a time."""

    def __init__(self, memory_bytes: int, trust_folder: Path | None, online: OnlineRules | None) -> None:
        ours, theirs = _SPAWN.Pipe(duplex=True)
        self._pipe = Pipe(ours)
        self._process: SpawnProcess = _SPAWN.Process(
            target=_work, args=(theirs, memory_bytes, trust_folder, online), name="verifier", daemon=True
        )
        with _quiet_main():
            self._process.start()
        theirs.close()
        self.jobs = 0
        self._ended = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid or 0

    async def ready(self) -> None:
        """Wait until the imports are done."""
        async with asyncio.timeout(START_SECONDS):
            try:
                if await self._pipe.receive_raw() != READY:
                    raise VerificationCrashed
            except (WireBroken, OSError) as error:
                raise VerificationCrashed from error

    async def run(self, job: Job, timeout_s: float) -> Answer:
        """One job; the worker is unusable after any exception."""
        self.jobs += 1
        try:
            self._pipe.send(job)
            async with asyncio.timeout(timeout_s):
                return await self._pipe.receive()
        except TimeoutError as error:
            raise VerificationTimedOut from error
        except (WireBroken, OSError) as error:
            raise VerificationCrashed from error

    def kill(self) -> None:
        """End the process now; harmless if it is dead or was ended before."""
        if not self._ended:
            self._ended = True
            self._process.kill()
            self._process.join(STOP_SECONDS)
            with contextlib.suppress(ValueError):
                self._process.close()
        self._pipe.close()


class VerifierPool:
    """`Verifier` over a fixed number of worker processes."""

    def __init__(
        self,
        *,
        workers: int,
        timeout_s: float,
        memory_bytes: int,
        trust_folder: Path | None = None,
        online: OnlineRules | None = None,
    ) -> None:
        self._count, self._timeout, self._memory = workers, timeout_s, memory_bytes
        self._trust_folder, self._online = trust_folder, online
        self._idle: deque[_Worker] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._alive: set[_Worker] = set()
        self._tasks: asyncio.TaskGroup | None = None
        self._runner: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Begin starting the workers; returns at once, the first jobs wait for them."""
        if self._runner is None:
            # The one task that lives outside a group: it is the group's owner, ended by `stop`.
            started = asyncio.Event()
            self._runner = asyncio.get_running_loop().create_task(self._run(started), name="verifier-pool")
            await started.wait()

    async def stop(self) -> None:
        """Kill the workers and let waiting jobs end with `VerifierStopped`."""
        self._stopping.set()
        while self._waiting:
            self._call_next()
        if self._runner is not None:
            await self._runner
            self._runner = None

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the living workers."""
        return frozenset(w.pid for w in self._alive)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def verify(
        self, path: Path, *, name: str, content: Sequence[Path] = (), existed_by: datetime | None = None
    ) -> FileReport:
        """The report on one file; waits for a free worker, then at most the time limit."""
        job = VerifyJob(path=path, name=name, content=tuple(content), existed_by=existed_by)
        answer = await self._do(job)
        if not isinstance(answer, FileReport):
            raise VerificationCrashed
        return answer

    async def first_page_lines(self, path: Path) -> tuple[str, ...]:
        """The lines of text on a PDF's first page, by the same workers and under the same limits."""
        answer = await self._do(PageJob(path=path))
        return answer.lines if isinstance(answer, Lines) else ()

    async def print_report(
        self, report: FileReport, *, source: Path | None, out: Path, hub: str, at: datetime
    ) -> None:
        """Draw a report as a PDF in a worker, for pictures are made of the file itself."""
        answer = await self._do(PrintJob(report=report, source=source, out=out, hub=hub, at=at))
        if not isinstance(answer, Printed):
            raise VerificationCrashed

    async def _do(self, job: Job) -> Answer:
        await self.start()
        worker = await self._borrow()
        if worker is None:
            raise VerifierStopped
        healthy = False
        try:
            answer = await worker.run(job, self._timeout)
            healthy = worker.jobs < JOBS_PER_WORKER
            return answer
        except VerificationCrashed:
            if self._stopping.is_set():
                raise VerifierStopped from None
            raise
        finally:
            # Also on cancellation: a worker in the middle of a job must not be handed on.
            if healthy and not self._stopping.is_set():
                self._offer(worker)
            else:
                self._discard(worker)
                self._replace()

    async def _borrow(self) -> _Worker | None:
        """A free worker, first come first served; None if the pool stops."""
        while not self._stopping.is_set():
            if self._idle:
                return self._idle.popleft()
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                # The call may have come already: it belongs to the next in line.
                if turn.done() and not turn.cancelled():
                    self._call_next()
                raise
        return None

    def _offer(self, worker: _Worker) -> None:
        self._idle.append(worker)
        self._call_next()

    def _call_next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def _run(self, started: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            self._tasks = group
            for _ in range(self._count):
                self._replace()
            started.set()
            await self._stopping.wait()
            self._tasks = None
            for worker in list(self._alive):
                self._discard(worker)

    def _replace(self) -> None:
        if self._tasks is not None and not self._stopping.is_set():
            self._tasks.create_task(self._launch(), name="verifier-launch")

    def _discard(self, worker: _Worker) -> None:
        self._alive.discard(worker)
        worker.kill()

    async def _launch(self) -> None:
        """Start one worker, patiently: a machine short of memory may refuse for a while."""
        pause = RESTART_PAUSE
        while not self._stopping.is_set():
            worker: _Worker | None = None
            try:
                worker = _Worker(self._memory, self._trust_folder, self._online)
                self._alive.add(worker)
                await worker.ready()
            except (VerificationCrashed, TimeoutError, OSError, RuntimeError):
                if worker is not None:
                    self._discard(worker)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
                pause = min(pause * 2, MAX_RESTART_PAUSE)
            else:
                self._offer(worker)
                return


@contextlib.contextmanager
def _quiet_main() -> Iterator[None]:
    """Keep the child from importing the parent's main module: it needs this module alone."""
    main = sys.modules["__main__"]
    kept = {n: getattr(main, n) for n in ("__file__", "__spec__") if hasattr(main, n)}
    try:
        main.__spec__ = None
        if "__file__" in kept:
            del main.__file__
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)


def _work(pipe: Connection, memory_bytes: int, trust_folder: Path | None, online: OnlineRules | None) -> None:
    """The child: limit, import, say so, then one job after another until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from hub.workers.verifier_child import Desk  # noqa: PLC0415 - the parent must not pay for these imports

    desk = Desk(trust_folder, online)
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    try:
        pipe.send_bytes(READY)
        while True:
            pipe.send_bytes(desk.work(pipe.recv()))
    except (EOFError, OSError):
        return  # the parent is gone
