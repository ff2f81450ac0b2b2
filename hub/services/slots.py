"""Places at the counter: how many bodies are taken in at once, per node and per system.

A full counter refuses before the body is read (503 `intake_busy`, 429 `system_busy`) with a
Retry-After; nobody waits in memory with an open body (design section 8).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from hub.domain.problems import Refusal

RETRY_AFTER_S: Final = 2


class Slots:
    """Counts the intakes under way on this node."""

    def __init__(self, *, per_node: int, per_system: int, full: str = "intake_busy") -> None:
        """Give out so many places; `full` is the problem of a node that has none left."""
        self._full = full
        self._per_node = per_node
        self._per_system = per_system
        self._all = 0
        self._by_system: Counter[UUID] = Counter()

    @contextmanager
    def take(self, system_id: UUID) -> Iterator[None]:
        """Hold one place for the length of the block; raises Refusal if there is none."""
        if self._by_system[system_id] >= self._per_system:
            raise Refusal("system_busy", retry_after=RETRY_AFTER_S)
        if self._all >= self._per_node:
            raise Refusal(self._full, retry_after=RETRY_AFTER_S)
        self._all += 1
        self._by_system[system_id] += 1
        try:
            yield
        finally:
            self._all -= 1
            self._by_system[system_id] -= 1
            if not self._by_system[system_id]:
                del self._by_system[system_id]
