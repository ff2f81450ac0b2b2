"""Words of peers, made fit to be kept: codes that an event may hold, texts without control characters."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

TEXT_MOST: Final = 500
OTHER: Final = "other"
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+/\[\]-]{0,63}")


def word(code: str) -> str:
    """Return a code as an event may hold it; `other` for one that is none."""
    return code if _WORD.fullmatch(code) else OTHER


def told(text: str) -> str:
    """Return what a peer or a library said: one line, at most 500 characters, nothing unprintable."""
    shown = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[: 4 * TEXT_MOST])
    return " ".join(shown.split())[:TEXT_MOST]
