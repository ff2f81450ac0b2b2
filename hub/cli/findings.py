"""What `lienthong doctor` has found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: what, whether it is well, and what to do if not."""

    what: str
    ok: bool
    vi: str
    en: str = ""
