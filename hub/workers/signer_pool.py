"""Signing in processes of their own, which alone hold the keys.

A process is started when it is first needed, by `hub.workers.signer_child`; what it needs to know, PINs and
passphrases included, goes through its standard input, never through arguments or environment, which others
can read. Answers come back as JSON in frames of limited length, checked field by
field, for the process reads hostile files. A process that is too slow is killed; the files
it was working on are the caller's and vanish with his spool.

A PIN that was refused is not tried again: not by the process, not by its successor, not by its neighbours;
the refusal is kept here until the hub starts anew. Processes that open the same key take turns.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import sys
from collections import defaultdict
from typing import Final, Self

from hub.ports.signing import Made, SigningDeclined, SigningOrder, SigningUnfinished
from hub.workers.signer_wire import LENGTH, Bench, write
from signing.key_ring import FINAL

FRAME_MOST: Final = 64 * 1024 * 1024
JOBS_PER_PROCESS: Final = 500
_TEXT_MOST: Final = 2_000


class _Process:
    """One process; used by one order at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.opened: set[str] = set()
        self.jobs = 0

    @classmethod
    async def start(cls, bench: Bench) -> Self:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hub.workers.signer_child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        made = cls(process)
        await made._send(write(bench))
        return made

    async def run(self, order: SigningOrder) -> dict[str, object]:
        self.jobs += 1
        await self._send(write(order))
        assert self._process.stdout is not None
        (length,) = LENGTH.unpack(await self._process.stdout.readexactly(LENGTH.size))
        if length > FRAME_MOST:
            raise ValueError("a frame too long")
        found = json.loads(await self._process.stdout.readexactly(length))
        if not isinstance(found, dict):
            raise TypeError("no answer")
        return found

    async def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        await self._process.stdin.drain()

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


class SignerPool:
    """`Signer` over a few processes, started when they are needed."""

    def __init__(self, bench: Bench, *, workers: int, timeout_s: float) -> None:
        self._bench, self._timeout = bench, timeout_s
        self._places = asyncio.Semaphore(workers)
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._refused: dict[str, SigningDeclined] = {}
        self._stopped = False

    async def stop(self) -> None:
        """End all processes; orders under way end with `SigningUnfinished`."""
        self._stopped = True
        ending = [*self._idle, *self._busy]
        self._idle.clear()
        for process in ending:
            await process.kill()

    async def sign(self, order: SigningOrder) -> Made:
        """Carry out an order within the limits."""
        async with self._places:
            process = await self._process()
            self._busy.add(process)
            healthy = False
            try:
                async with asyncio.timeout(self._timeout):
                    answer = await self._run(process, order)
                made = _made(answer)
                healthy = True
                return made
            except SigningDeclined:
                healthy = True
                raise
            except (TimeoutError, OSError, EOFError, ValueError, TypeError, KeyError) as error:
                raise SigningUnfinished(type(error).__name__) from error
            finally:
                # Also on cancellation: a process in the middle of an order must not be given another.
                self._busy.discard(process)
                if healthy and not self._stopped and process.jobs < JOBS_PER_PROCESS:
                    self._idle.append(process)
                else:
                    await asyncio.shield(process.kill())

    async def _process(self) -> _Process:
        if self._stopped:
            raise SigningUnfinished("stopped")
        try:
            return self._idle.pop() if self._idle else await _Process.start(self._bench)
        except OSError as error:
            raise SigningUnfinished(type(error).__name__) from error

    async def _run(self, process: _Process, order: SigningOrder) -> dict[str, object]:
        if not order.key or order.key in process.opened:
            return await process.run(order)
        async with self._opening[order.key]:
            if order.key in self._refused:
                raise self._refused[order.key]
            answer = await process.run(order)
            if answer.get("declined") in FINAL:
                with contextlib.suppress(TypeError, KeyError):
                    self._refused[order.key] = _declined(answer)
            else:
                process.opened.add(order.key)
            return answer


def _made(answer: dict[str, object]) -> Made:
    """The answer as a value. Raises `SigningDeclined`; ValueError, TypeError or KeyError for nonsense."""
    if "declined" in answer:
        raise _declined(answer)
    findings = answer["findings"]
    if not isinstance(findings, list):
        raise TypeError
    return Made(
        media_type=_text(answer, "media_type"),
        findings=tuple(str(f)[:100] for f in findings[:20]),
        to_sign=_decoded(_text(answer, "to_sign", most=FRAME_MOST)),
        algorithm=_text(answer, "algorithm"),
        state=_text(answer, "state", most=FRAME_MOST),
    )


def _declined(answer: dict[str, object]) -> SigningDeclined:
    return SigningDeclined(
        _text(answer, "declined"),
        vi=_text(answer, "vi"),
        en=_text(answer, "en"),
        of_key=answer["of_key"] is True,
    )


def _text(answer: dict[str, object], name: str, *, most: int = _TEXT_MOST) -> str:
    value = answer[name]
    if not isinstance(value, str) or len(value) > most or (most == _TEXT_MOST and not value.isprintable()):
        raise TypeError(name)
    return value


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("base64") from error
