"""Failpoints: places where a test kills the hub to see what survives (design section 8).

`LIENTHONG_FAILPOINT=NAME` arms one. The process that reaches it dies by SIGKILL, as in a power cut:
no handler runs, no buffer is flushed. Start refuses an armed failpoint in production.
"""

from __future__ import annotations

import os
import signal
from typing import Final

FAILPOINTS: Final = (
    "after_temp_write",
    "after_blob_fsync",
    "before_commit",
    "after_commit_before_answer",
    "after_publish_before_delete",
    "after_verify_before_commit",
    "after_handover_before_record",
    "after_confirm_before_answer",
)


class Failpoints:
    """The failpoint armed for this process, if any."""

    def __init__(self, armed: str | None = None) -> None:
        if armed is not None and armed not in FAILPOINTS:
            raise ValueError(f"unknown failpoint {armed!r}; known: {', '.join(FAILPOINTS)}")
        self._armed = armed

    def hit(self, name: str) -> None:
        """Die here if `name` is armed."""
        if name == self._armed:
            os.kill(os.getpid(), signal.SIGKILL)
