"""No sender's letters may keep all verifying processes for long.

Documents of one sender whose verification has already taken `slow_s` are counted; while there are `slow_most`
of them on this node, no further document of that sender is begun and its tasks are put off. Ordinary letters
take milliseconds and never meet this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRules:
    """In seconds, and in documents."""

    slow_s: float = 10.0
    slow_most: int = 1


class SenderShares:
    """Who keeps the verifying processes, and since when."""

    def __init__(self, rules: ShareRules, clock: Callable[[], float]) -> None:
        self._rules, self._clock = rules, clock
        self._begun: dict[UUID, list[float]] = defaultdict(list)

    def is_taken(self, system_id: UUID) -> bool:
        """Whether this sender keeps its share of processes with documents that take long."""
        slow = self._clock() - self._rules.slow_s
        return sum(begun <= slow for begun in self._begun.get(system_id, ())) >= self._rules.slow_most

    @contextmanager
    def one(self, system_id: UUID) -> Iterator[None]:
        """Count one document for the length of the block."""
        begun = self._clock()
        self._begun[system_id].append(begun)
        try:
            yield
        finally:
            self._begun[system_id].remove(begun)
            if not self._begun[system_id]:
                del self._begun[system_id]
