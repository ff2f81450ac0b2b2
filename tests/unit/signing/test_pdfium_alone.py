"""PDFium is used by one thread of a process at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from signing.pdfium_alone import alone


def test_two_threads_are_never_inside_at_once_and_one_may_nest() -> None:
    inside, most = 0, 0
    start = threading.Barrier(4)

    @alone
    def inner() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threading.Event().wait(0.001)
        inside -= 1

    @alone
    def outer() -> None:
        inner()

    def work() -> None:
        start.wait()
        for _ in range(5):
            outer()

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work) for _ in range(4)]:
            done.result()
    assert most == 1
