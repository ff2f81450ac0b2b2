"""When a verdict that waits for somebody's answer is looked at again.

An authority that did not answer, a list that was out of date, an issuer's certificate that was not to be had:
none of these says anything about the signature, and most pass within hours. The document has gone on
meanwhile; what follows is for those who will rely on it later. Looks become rarer and end: what is open after
the last one stays as it is, until somebody asks.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

_DAY: Final = timedelta(days=1)
LOOKS: Final = (
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
    *(_DAY,) * 6,
)
"""How long each look waits after the one before; a revocation list is seldom older than a week."""


def next_look(made: int) -> timedelta | None:
    """How long to wait after `made` looks; None after the last."""
    return LOOKS[made] if made < len(LOOKS) else None
