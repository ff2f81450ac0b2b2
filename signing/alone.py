"""One thread at a time into what keeps state of the whole process: a library's, or a face's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Alone:
    """Marks functions: one thread at a time is in any of those with the same mark; a thread may nest them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function behind the lock."""

        @wraps(function)
        def locked(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._lock:
                return function(*args, **kwargs)

        return locked
