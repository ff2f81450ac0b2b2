"""What a webhook's answer means.

| answer | outcome |
|---|---|
| any 2xx | the recipient has it: confirmed |
| 410 or 422 with `{"rejected": true, "reason": "…"}` | refused for good, with its reason |
| 3xx | failed: redirects are never followed, an administrator sets the right address |
| 400, 404 to 406, 409 to 411, 413 to 415, 422, 431 | failed, for a reason of this document |
| everything else, and no answer | failed, for a reason of the peer: counts for its breaker |

`Retry-After` is honoured with every failure, in seconds or as a date.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import orjson

from hub.ports.exits import Delivered, Failed, Outcome, Rejected

REJECTED: Final = "rejected_by_recipient"
REDIRECTED: Final = "redirected"
MAY_REJECT: Final = frozenset({410, 422})
OF_THE_DOCUMENT: Final = frozenset({400, 404, 405, 406, 409, 410, 411, 413, 414, 415, 422, 431})
REASON_MOST: Final = 500
QUOTED_MOST: Final = 200
RETRY_AFTER_MOST: Final = timedelta(days=1)


def outcome_of(status: int, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Outcome:
    """Return what an answer means; `body` is at most its first 64 KB."""
    if 200 <= status < 300:
        return Delivered(confirmed=True)
    if status in MAY_REJECT and (reason := _reason(body)) is not None:
        return Rejected(code=REJECTED, text=reason)
    if 300 <= status < 400:
        return Failed(
            code=REDIRECTED,
            text=f"answers {status} with a redirect; redirects are not followed: set the address it leads to",
        )
    return Failed(
        code=f"http_{status}",
        text=body[:QUOTED_MOST].decode("utf-8", "replace"),
        peer_fault=status not in OF_THE_DOCUMENT,
        retry_after=retry_after(headers.get("Retry-After"), now=now),
    )


def retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Return how long a peer asks us to wait, at most a day; None if it does not or not in a known form."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=min(int(text[:12]), RETRY_AFTER_MOST.total_seconds()))
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        wait = moment.replace(tzinfo=moment.tzinfo or UTC) - now
    return min(max(wait, timedelta(0)), RETRY_AFTER_MOST)


def _reason(body: bytes) -> str | None:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(said, dict) or said.get("rejected") is not True:
        return None
    reason = said.get("reason")
    return reason[:REASON_MOST] if isinstance(reason, str) else ""
