from __future__ import annotations

from datetime import timedelta

import pytest

from hub.config import Limits
from hub.domain import limits
from hub.services.rules import IntakeFloor
from schemas.limits import FormatLimits

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BODY_MAX", 150 * MIB),
        ("ATTACHMENT_MAX", 100 * MIB),
        ("ATTACHMENTS_MAX", 100),
        ("RECIPIENTS_MAX", 2_000),
        ("UNZIPPED_MAX", 200 * MIB),
        ("UNZIP_RATIO_MAX", 100),
        ("SKELETON_MAX", 2 * MIB),
        ("DEPTH_MAX", 32),
        ("ELEMENTS_MAX", 50_000),
        ("INTAKE_PER_NODE", 32),
        ("INTAKE_PER_SYSTEM", 4),
        ("BODY_RATE_MIN", 10 * 1024),
        ("BODY_RATE_WINDOW", timedelta(seconds=30)),
        ("REQUEST_HEAD_MAX", MIB),
        ("REQUEST_HEAD_TIME_MAX", timedelta(seconds=30)),
        ("REQUEST_TIME_MAX", timedelta(minutes=10)),
        ("DRAIN_TIME_MAX", timedelta(seconds=10)),
        ("DISK_FREE_MIN_SHARE", 0.05),
        ("DISK_FREE_MIN", 2 * 1024 * MIB),
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
    ("total", "floor"), [(10 * limits.GIB, 2 * limits.GIB), (1_000 * limits.GIB, 50 * limits.GIB)]
)
def test_the_disk_floor_is_a_share_but_never_less_than_two_gigabytes(total: int, floor: int) -> None:
    assert IntakeFloor().disk_floor(total) == floor


def test_the_format_has_the_same_limits() -> None:
    form = FormatLimits()
    assert (form.message_bytes, form.attachment_bytes, form.attachments, form.recipients) == (
        limits.BODY_MAX,
        limits.ATTACHMENT_MAX,
        limits.ATTACHMENTS_MAX,
        limits.RECIPIENTS_MAX,
    )
    assert (form.unzipped_bytes, form.unzip_ratio) == (limits.UNZIPPED_MAX, limits.UNZIP_RATIO_MAX)
    assert (form.skeleton_bytes, form.depth, form.elements) == (
        limits.SKELETON_MAX,
        limits.DEPTH_MAX,
        limits.ELEMENTS_MAX,
    )


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("body_bytes", "BODY_MAX"),
        ("attachment_bytes", "ATTACHMENT_MAX"),
        ("attachments", "ATTACHMENTS_MAX"),
        ("recipients", "RECIPIENTS_MAX"),
        ("unzipped_bytes", "UNZIPPED_MAX"),
        ("unzip_ratio", "UNZIP_RATIO_MAX"),
        ("skeleton_bytes", "SKELETON_MAX"),
        ("depth", "DEPTH_MAX"),
        ("elements", "ELEMENTS_MAX"),
        ("intake_per_node", "INTAKE_PER_NODE"),
        ("intake_per_system", "INTAKE_PER_SYSTEM"),
        ("min_rate_bytes", "BODY_RATE_MIN"),
        ("min_rate_window_s", "BODY_RATE_WINDOW"),
        ("request_s", "REQUEST_TIME_MAX"),
        ("drain_s", "DRAIN_TIME_MAX"),
        ("disk_free_ratio", "DISK_FREE_MIN_SHARE"),
        ("disk_free_bytes", "DISK_FREE_MIN"),
        ("verify_backlog", "VERIFY_BACKLOG_MAX"),
        ("verify_backlog_age_s", "VERIFY_BACKLOG_AGE_MAX"),
        ("long_poll_s", "LONG_POLL_MAX"),
        ("inbox_page", "INBOX_PAGE"),
        ("parked_status_s", "PARKED_STATUS_MAX"),
    ],
)
def test_a_setting_begins_at_the_limit_it_sets(setting: str, name: str) -> None:
    limit = getattr(limits, name)
    default = getattr(Limits(), setting)
    assert default == (limit.total_seconds() if isinstance(limit, timedelta) else limit)
