from __future__ import annotations

from datetime import timedelta

import pytest

from hub.domain import limits


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BODY_MAX", 150_000_000),
        ("ATTACHMENT_MAX", 100_000_000),
        ("ATTACHMENTS_MAX", 100),
        ("RECIPIENTS_MAX", 2_000),
        ("UNZIPPED_MAX", 200_000_000),
        ("UNZIP_RATIO_MAX", 100),
        ("SKELETON_MAX", 2_000_000),
        ("DEPTH_MAX", 32),
        ("ELEMENTS_MAX", 50_000),
        ("INTAKE_PER_NODE", 32),
        ("INTAKE_PER_SYSTEM", 4),
        ("BODY_RATE_MIN", 10_000),
        ("BODY_RATE_WINDOW", timedelta(seconds=30)),
        ("REQUEST_HEAD_MAX", 1_000_000),
        ("REQUEST_TIME_MAX", timedelta(minutes=10)),
        ("DRAIN_TIME_MAX", timedelta(seconds=10)),
        ("DISK_FREE_MIN_SHARE", 0.05),
        ("DISK_FREE_MIN", 2_000_000_000),
        ("VERIFY_BACKLOG_MAX", 20_000),
        ("VERIFY_BACKLOG_AGE_MAX", timedelta(minutes=10)),
        ("RETRY_BASE", timedelta(seconds=10)),
        ("RETRY_CAP", timedelta(hours=1)),
        ("BREAKER_THRESHOLD", 5),
        ("BREAKER_COOL_DOWN", timedelta(seconds=60)),
        ("WORKER_LEASE", timedelta(seconds=60)),
        ("WORKER_LEASE_RENEW", timedelta(seconds=20)),
        ("RECIPIENT_LEASE", timedelta(minutes=5)),
        ("RECIPIENT_LEASE_MIN", timedelta(seconds=30)),
        ("RECIPIENT_LEASE_MAX", timedelta(hours=1)),
        ("VERIFICATION_CRASHES_MAX", 2),
        ("SWEEP_AFTER", timedelta(seconds=30)),
        ("LONG_POLL_MAX", timedelta(seconds=25)),
        ("INBOX_PAGE", 100),
        ("NORMAL_LANE_SHARE", 5),
        ("STATEMENT_TIMEOUT", timedelta(seconds=5)),
        ("LOCK_TIMEOUT", timedelta(seconds=2)),
        ("POOL_SIZE", 16),
        ("KEY_RETENTION", timedelta(days=400)),
        ("API_KEY_GRACE", timedelta(days=7)),
        ("PARKED_STATUS_MAX", timedelta(hours=24)),
        ("ORPHAN_BLOB_AGE", timedelta(hours=24)),
        ("REASON_MAX", 1_000),
    ],
)
def test_each_limit_has_its_documented_default(name: str, value: object) -> None:
    assert getattr(limits, name) == value


@pytest.mark.parametrize(
    ("total", "floor"), [(10 * limits.GB, 2 * limits.GB), (1_000 * limits.GB, 50 * limits.GB)]
)
def test_the_disk_floor_is_a_share_but_never_less_than_two_gigabytes(total: int, floor: int) -> None:
    assert limits.disk_floor(total) == floor
