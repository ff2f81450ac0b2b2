"""What is seen of one PDF, at a limited price: pages then and now, and where its fields lie.

Everything is looked at in a process that can be ended (`signing.pdfium_child`). New pages are begun for
`seconds` less what reading the file has taken, but for `LEAST` in any case; a page that is being drawn then
may take `OVERTIME` more. What could not be seen is said, never assumed: a comparison is `missed`, places are
none.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from signing.page_places import PagePlaces, Rectangle, read_places
from signing.pdf_pages import PageComparison, PageMask, PageViewer
from signing.pdfium_child import ChildLost, PdfiumChild

OVERTIME: Final = 0.7
LEAST: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    end: int
    masks: tuple[PageMask, ...]
    drawn: tuple[PageMask, ...]
    first: frozenset[int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    fields: Mapping[int, Sequence[Rectangle]]


_Answer = PageComparison | dict[int, PagePlaces]


class Sight:
    """Looks at one file, of which reading began now; a context manager, for the process's sake."""

    def __init__(self, data: bytes, *, seconds: float) -> None:
        self._data, self._seconds, self._began = data, seconds, time.monotonic()
        self._used = 0.0
        self._child: PdfiumChild[_Comparison | _Places, _Answer] = PdfiumChild(self._serve)

    @functools.cached_property
    def _allowed(self) -> float:
        """Fixed when something is looked at for the first time; less than nothing forbids looking."""
        left = self._seconds - (time.monotonic() - self._began)
        return max(left, min(LEAST, self._seconds))

    @functools.cached_property
    def _viewer(self) -> PageViewer:
        return PageViewer(self._data, seconds=self._allowed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close()
        if "_viewer" in self.__dict__:
            self._viewer.close()

    def compare(
        self,
        end: int,
        masks: Iterable[PageMask],
        drawn: Iterable[PageMask] = (),
        first: frozenset[int] | None = None,
    ) -> PageComparison:
        """As `PageViewer.compare`."""
        try:
            seen = self._asked(_Comparison(end=end, masks=tuple(masks), drawn=tuple(drawn), first=first))
        except ChildLost as lost:
            return PageComparison(incomplete=str(lost), missed=True)
        assert isinstance(seen, PageComparison)
        return seen

    def places(self, fields: Mapping[int, Sequence[Rectangle]]) -> dict[int, PagePlaces]:
        """As `read_places`."""
        try:
            seen = self._asked(_Places(fields=fields))
        except ChildLost:
            return {}
        assert isinstance(seen, dict)
        return seen

    def _asked(self, question: _Comparison | _Places) -> _Answer:
        left = self._allowed + OVERTIME - self._used
        began = time.monotonic()
        try:
            return self._child.ask(question, left)
        finally:
            self._used += time.monotonic() - began

    def _serve(self, question: _Comparison | _Places) -> _Answer:
        if isinstance(question, _Places):
            return read_places(self._data, question.fields)
        return self._viewer.compare(question.end, question.masks, question.drawn, question.first)
