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
