"""PDFium for one thread at a time.

The library keeps state of the whole process: two threads in it end the process (seen: a segmentation fault
when two letters were signed at once). Whoever calls it does so in a function that is `alone`; what that
function makes of the library's objects ends inside it, so that nothing is let go of while another thread is
in the library. Working processes have one thread and never wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_LOCK: Final = threading.RLock()


def alone(function: Callable[P, R]) -> Callable[P, R]:
    """Let one thread at a time into this and all functions so marked; a thread may nest them."""

    @wraps(function)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        with _LOCK:
            return function(*args, **kwargs)

    return locked
