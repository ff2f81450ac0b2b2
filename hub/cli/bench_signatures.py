"""`lienthong bench signatures`: what signing and verifying cost, as a ratio to what they cost at least.

The limit of a PDF signature is one hash over the file and one key operation; that of an XML signature is one
parse, one canonical form and one hash. Limit and operation are measured in turns, round by round, so that
both meet the same load of a shared machine; medians are compared. Nothing here waits for disk or network, so
the processor's time is judged: it is what a core of one's own would show, and the time on the clock, shown
beside it, is that of the machine's other work. Keys, certificates and modules are loaded
before, as in a running hub; nothing else is remembered between rounds but what a hub remembers between files.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

ROUNDS: Final = 30
Operation = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked for: milliseconds, or a multiple of the limit; either of the two is enough."""

    ms: float | None = None
    ratio: float | None = None

    def met(self, ms: float, ratio: float) -> bool:
        """Whether the figures reach it."""
        return (self.ms is not None and ms <= self.ms) or (self.ratio is not None and ratio <= self.ratio)

    def __str__(self) -> str:
        parts = [f"{self.ms:g} ms"] if self.ms is not None else []
        return " / ".join([*parts, *([f"{self.ratio:g}×"] if self.ratio is not None else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to measure against its limit."""

    name: str
    limit: Operation
    run: Operation
    target: Target | None = None
    rounds_share: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Medians of one case: the processor's time, and the clock's."""

    name: str
    ms: float
    clock_ms: float
    limit_ms: float
    ratio: float
    target: str | None
    met: bool | None


def signatures(
    rounds: Annotated[int, typer.Option("--rounds", min=3, help="Số lần đo mỗi việc.")] = ROUNDS,
    as_json: Annotated[bool, typer.Option("--json", help="In JSON.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Mã thoát 1 nếu không đạt một mục tiêu.")] = False,
) -> None:
    """Đo tốc độ ký và kiểm tra chữ ký, so với giới hạn của máy (measure signing and verifying)."""
    from hub.cli.signature_cases import cases  # noqa: PLC0415 - other commands must not pay for it

    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        figures = [measure(case, rounds) for case in cases(Path(folder), runner.get_loop())]
    if as_json:
        print(json.dumps([asdict(f) for f in figures], ensure_ascii=False, indent=2))
    else:
        _print(figures, rounds)
    if strict and any(f.met is False for f in figures):
        raise typer.Exit(1)


def measure(case: Case, rounds: int) -> Figure:
    """Limit and operation in turns; the first round of both does not count."""
    limits: list[tuple[float, float]] = []
    runs: list[tuple[float, float]] = []
    gc.collect()
    for place in range(max(3, rounds // case.rounds_share) + 1):
        for operation, times in ((case.limit, limits), (case.run, runs)):
            took = _timed(operation)
            if place:
                times.append(took)
    limit, run = statistics.median(t[0] for t in limits), statistics.median(t[0] for t in runs)
    return Figure(
        name=case.name,
        ms=run,
        clock_ms=statistics.median(t[1] for t in runs),
        limit_ms=limit,
        ratio=run / limit,
        target=str(case.target) if case.target else None,
        met=case.target.met(run, run / limit) if case.target else None,
    )


def _timed(operation: Operation) -> tuple[float, float]:
    clock, processor = time.perf_counter(), time.process_time()
    operation()
    return (time.process_time() - processor) * 1000, (time.perf_counter() - clock) * 1000


def _print(figures: list[Figure], rounds: int) -> None:
    print(f"trung vị của {rounds} lần, giới hạn đo xen kẽ / medians, limit measured in turns")
    width = max(len(f.name) for f in figures)
    for figure in figures:
        state = {None: "", True: "đạt / met", False: "KHÔNG ĐẠT / MISSED"}[figure.met]
        print(
            f"{figure.name:<{width}}  {figure.ms:8.2f} ms ({figure.clock_ms:8.2f})   "
            f"giới hạn {figure.limit_ms:7.2f} ms   "
            f"tỷ lệ {figure.ratio:6.2f}   mục tiêu {figure.target or '-':<14} {state}"
        )
