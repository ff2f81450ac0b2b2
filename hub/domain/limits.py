"""Every limit of the exchange with its default. Settings may change them; nothing else holds such a number.

Sizes count bytes. Where the national side gives no limit, the source is measurement or prudence,
and the comment says which.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

KIB: Final = 1_024
MIB: Final = 1_024 * KIB
GIB: Final = 1_024 * MIB

# One submission. The national side states no size; integrators stop at 50 MB, real letters have 0.4–1.4 MB.
BODY_MAX: Final = 150 * MIB
ATTACHMENT_MAX: Final = 100 * MIB
ATTACHMENTS_MAX: Final = 100
RECIPIENTS_MAX: Final = 2_000

# Hostile XML and archives: what remains without attachments is a few KB in every real message.
UNZIPPED_MAX: Final = 200 * MIB
UNZIP_RATIO_MAX: Final = 100
SKELETON_MAX: Final = 2 * MIB
DEPTH_MAX: Final = 32
ELEMENTS_MAX: Final = 50_000

# Intake at once: memory and spool space stay bounded, one system cannot take every place.
INTAKE_PER_NODE: Final = 32
INTAKE_PER_SYSTEM: Final = 4
INTAKE_RETRY_AFTER: Final = timedelta(seconds=5)
BODY_RATE_MIN: Final = 10 * KIB
"""Bytes per second below which, over ``BODY_RATE_WINDOW``, a body is too slow."""
BODY_RATE_WINDOW: Final = timedelta(seconds=30)
REQUEST_HEAD_MAX: Final = 1 * MIB
"""Generous: clients of the national SDK accumulate headers over their life."""
REQUEST_HEAD_TIME_MAX: Final = timedelta(seconds=30)
"""How long a connection may take to say what it wants: a node has few, and they cost their owners nothing."""
REQUEST_TIME_MAX: Final = timedelta(minutes=10)
DRAIN_TIME_MAX: Final = timedelta(seconds=10)
"""How long a refused body is read on, so that its sender gets to see the answer."""

# When the normal lane stops accepting; urgent documents still pass.
DISK_FREE_MIN_SHARE: Final = 0.05
DISK_FREE_MIN: Final = 2 * GIB
VERIFY_BACKLOG_MAX: Final = 20_000
VERIFY_BACKLOG_AGE_MAX: Final = timedelta(minutes=10)

# Retries of one delivery, and the breaker of one peer.
RETRY_BASE: Final = timedelta(seconds=10)
RETRY_CAP: Final = timedelta(hours=1)
BREAKER_THRESHOLD: Final = 5
BREAKER_COOL_DOWN: Final = timedelta(seconds=60)

# Pushing.
PUSH_PLACES: Final = 4
"""Deliveries on their way to one peer at once, per node."""
PUSH_ATTEMPT_MAX: Final = timedelta(minutes=30)
"""Longest attempt, whatever an adapter thinks: a peer that takes a byte a minute gives its place back."""
UNCONFIRMED_LEASE: Final = timedelta(hours=1)
"""How long a peer that confirms later has to do so before it is handed the document again."""
PUSH_GROUP_MAX: Final = 2_000
"""Most recipients of one document in one hand-over: as many as a document may have."""

# Leases.
WORKER_LEASE: Final = timedelta(seconds=60)
WORKER_LEASE_RENEW: Final = timedelta(seconds=20)
RECIPIENT_LEASE: Final = timedelta(minutes=5)
RECIPIENT_LEASE_MIN: Final = timedelta(seconds=30)
RECIPIENT_LEASE_MAX: Final = timedelta(hours=1)
VERIFICATION_CRASHES_MAX: Final = 2
"""Crashes of a verification after which the verdict is INDETERMINATE."""
SWEEP_AFTER: Final = timedelta(seconds=30)
"""How long a due row may go without a lease before the sweeper announces it again."""

# Serving.
LONG_POLL_MAX: Final = timedelta(seconds=25)
INBOX_PAGE: Final = 100
NORMAL_LANE_SHARE: Final = 5
"""The normal lane gets at least one slot in this many."""
STATEMENT_TIMEOUT: Final = timedelta(seconds=5)
LOCK_TIMEOUT: Final = timedelta(seconds=2)
POOL_SIZE: Final = 16

# Keeping.
KEY_RETENTION: Final = timedelta(days=400)
"""How long submission and document keys answer for duplicates: a year and its winding up."""
API_KEY_GRACE: Final = timedelta(days=7)
"""How long a replaced API key still works."""
PARKED_STATUS_MAX: Final = timedelta(hours=24)
"""How long a status waits for its document before it is set aside with an alert."""
ORPHAN_BLOB_AGE: Final = timedelta(hours=24)
REASON_MAX: Final = 1_000
"""Characters of a reason [products: 1,000]."""
