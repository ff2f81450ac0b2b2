"""No sender's letters may keep all verifying processes for long.

What a sender's documents have taken in the last minute is added up, of those alone that took longer than
`long_s` each, with those that are still under way. At `slow_s` the sender is slow: then at most `slow_most`
of its documents are worked on at once on this node, and its further tasks are put off. Ordinary letters take
milliseconds and never meet this, however many they are; letters that take nine seconds each meet it with the
second, not never.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRules:
    """In seconds, and in documents."""

    long_s: float = 2.0
    slow_s: float = 10.0
    window_s: float = 60.0
    slow_most: int = 1


class SenderShares:
    """Who keeps the verifying processes, and since when."""

    def __init__(self, rules: ShareRules, clock: Callable[[], float]) -> None:
        self._rules, self._clock = rules, clock
        self._begun: dict[UUID, list[float]] = defaultdict(list)
        # (when it ended, seconds) of documents that took long; a sender leaves with its last one.
        self._spent: dict[UUID, deque[tuple[float, float]]] = defaultdict(deque)

    def is_taken(self, system_id: UUID) -> bool:
        """Whether this sender is slow and has its share of processes already."""
        under_way = self._begun.get(system_id, ())
        if len(under_way) < self._rules.slow_most:
            return False
        now = self._clock()
        lasting = [now - begun for begun in under_way]
        spent = sum(seconds for seconds in lasting if seconds >= self._rules.long_s)
        return spent + self._recently(system_id, now) >= self._rules.slow_s

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
            self._note(system_id, begun)

    def _note(self, system_id: UUID, begun: float) -> None:
        now = self._clock()
        if now - begun >= self._rules.long_s:
            self._spent[system_id].append((now, now - begun))
        # Whoever was slow once and is gone is forgotten with the next one.
        for each in list(self._spent):
            self._recently(each, now)

    def _recently(self, system_id: UUID, now: float) -> float:
        spent = self._spent.get(system_id)
        if spent is None:
            return 0.0
        while spent and spent[0][0] <= now - self._rules.window_s:
            spent.popleft()
        if not spent:
            del self._spent[system_id]
        return sum(seconds for _, seconds in spent)
