"""One answer about all processes behind one address: whichever is asked asks the others.

Each process tells its metrics to whoever connects to its socket in a folder that all share (0700, made by
their parent). The one that a scraper happens to reach gathers them and adds a label `process`, so that no
series jumps between processes and a process that starts anew is a counter that starts anew. Gauges of what
lies in the database are the same in each: take one of them, do not add them up. A process that does not
answer in time is missing, and `lienthong_process_up` says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hub.observability.metrics import PREFIX, Metrics

ANSWER_S: Final = 2.0
LABEL: Final = "process"
UP: Final = f"{PREFIX}_process_up"

# name, what it is, type, samples of (name, labels, value as text: infinities are no JSON)
Family = tuple[str, str, str, list[tuple[str, dict[str, str], str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A process among its siblings: the folder of their sockets, its number from 1, how many there are."""

    folder: Path
    number: int
    count: int

    def socket_of(self, number: int) -> Path:
        """Where the process of a number is asked."""
        return self.folder / str(number)


class Siblings:
    """The metrics of this process and of those beside it."""

    def __init__(self, metrics: Metrics, place: Place) -> None:
        self._metrics = metrics
        self._place = place

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Answer the others within the block. An earlier life's socket is replaced."""
        path = self._place.socket_of(self._place.number)
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._tell, path)
        try:
            yield
        finally:
            server.close()

    async def gather(self) -> bytes:
        """Return the metrics of all processes in Prometheus' text form."""
        numbers = range(1, self._place.count + 1)
        answers = await asyncio.gather(*map(self._ask, numbers))
        registry = CollectorRegistry()
        registry.register(_Merged(dict(zip(map(str, numbers), answers, strict=True))))
        return generate_latest(registry)

    async def _tell(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(orjson.dumps(list(_families(self._metrics))))
            await writer.drain()
        writer.close()

    async def _ask(self, number: int) -> list[Family] | None:
        if number == self._place.number:
            return list(_families(self._metrics))
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_unix_connection(self._place.socket_of(number))
                try:
                    told: list[Family] = orjson.loads(await reader.read())
                finally:
                    writer.close()
        except (OSError, TimeoutError, orjson.JSONDecodeError):
            return None
        return told


class _Merged(Collector):
    """Families of several processes as one set, each sample with the number of its process."""

    def __init__(self, answers: dict[str, list[Family] | None]) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        merged: dict[str, Metric] = {}
        up = Metric(UP, "Whether a process has told its metrics.", "gauge")
        for process, families in self._answers.items():
            up.add_sample(UP, {LABEL: process}, float(families is not None))
            for name, text, kind, samples in families or ():
                family = merged.setdefault(name, Metric(name, text, kind))
                for sample, labels, value in samples:
                    family.add_sample(sample, {**labels, LABEL: process}, float(value))
        yield up
        yield from merged.values()


def _families(metrics: Metrics) -> Iterator[Family]:
    for family in metrics.registry.collect():
        samples = [(s.name, dict(s.labels), repr(float(s.value))) for s in family.samples]
        yield family.name, family.documentation, family.type, samples
