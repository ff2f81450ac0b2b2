"""Times as the command line shows them to people: Vietnam's, to the minute or the second."""

from __future__ import annotations

from datetime import datetime

from hub.services.directory_admin import LOCAL


def minute(moment: datetime | None) -> str:
    """Return a moment as 2026-11-25 14:03, or a dash."""
    return "–" if moment is None else f"{moment.astimezone(LOCAL):%Y-%m-%d %H:%M}"
