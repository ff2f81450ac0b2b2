"""Names of adapters: how a system's deliveries reach it.

A system either fetches (pull) or is handed its deliveries (push). The database knows the same list (column
`system.pushed`), so that no statement can queue a delivery of a push system without a task; a test compares.
"""

from __future__ import annotations

from typing import Final

REST_PULL: Final = "rest-pull"
VXP: Final = "vxp"
BKAV: Final = "bkav"
NATIONAL: Final = "national"
"""The way out of the province: its deliveries are for codes that our directory does not hold."""

PULL_ADAPTERS: Final = frozenset({REST_PULL, VXP, BKAV})
"""Adapters of systems that fetch; every other name is one that is pushed to."""


CLIENT_SECRETS: Final = (VXP, BKAV)
"""Secrets by which a system of any adapter may call the hub through the API of the same name."""


def is_pushed(adapter: str) -> bool:
    """Whether deliveries of a system with this adapter are handed over by the hub."""
    return adapter not in PULL_ADAPTERS
