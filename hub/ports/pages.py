"""Reading the text of a PDF's first page, for marks of state secrecy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class PageReader(Protocol):
    """Reads what a page says, away from the event loop."""

    async def first_page_lines(self, path: Path) -> Sequence[str]:
        """Return the lines of text on page 1; empty if there is no text. Raises `VerificationUnfinished`."""
