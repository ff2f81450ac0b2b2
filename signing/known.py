"""What is remembered of certificates met before, so that the same letterhead is read once and not per letter.

Only pure functions of a certificate's bytes are kept: the parsed object, its key, its description. Parsed
objects are lazy and therefore not safe to share between threads, so each thread keeps its own; certificates
larger than any that is in use are not kept, so that hostile files cannot fill the memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

KEPT: Final = 512
LARGEST: Final = 16 * 1024

S = TypeVar("S")
T = TypeVar("T")


class ByBytes(Generic[T]):
    """A function of bytes whose latest answers are kept, in each thread for itself."""

    def __init__(self, compute: Callable[[bytes], T]) -> None:
        self._compute = compute
        self._kept = threading.local()

    def __call__(self, data: bytes) -> T:
        """The answer for these bytes."""
        if len(data) > LARGEST:
            return self._compute(data)
        answers: OrderedDict[bytes, T] | None = getattr(self._kept, "answers", None)
        if answers is None:
            answers = self._kept.answers = OrderedDict()
        if data in answers:
            answers.move_to_end(data)
            return answers[data]
        made = answers[data] = self._compute(data)
        if len(answers) > KEPT:
            answers.popitem(last=False)
        return made


class ByObject(Generic[S, T]):
    """A function of objects that nobody changes, whose latest answers are kept, in each thread for itself.

    An object is known by its identity, so it is kept with its answer; `size` says how many bytes it holds on
    to, and those of more than any in use are not kept.
    """

    def __init__(self, compute: Callable[[S], T], size: Callable[[S], int]) -> None:
        self._compute, self._size = compute, size
        self._kept = threading.local()

    def __call__(self, thing: S) -> T:
        """The answer for this object."""
        answers: OrderedDict[int, tuple[S, T]] | None = getattr(self._kept, "answers", None)
        if answers is None:
            answers = self._kept.answers = OrderedDict()
        known = answers.get(id(thing))
        if known is not None:
            answers.move_to_end(id(thing))
            return known[1]
        made = self._compute(thing)
        if self._size(thing) <= LARGEST:
            answers[id(thing)] = (thing, made)
            if len(answers) > KEPT:
                answers.popitem(last=False)
        return made
