"""Settings turned into the values that the layers below are given."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from pathlib import Path

from hub.bootstrap.database import HOME_MODE
from hub.config import Settings
from hub.config.exits import Push
from hub.domain.deadlines import Allowance
from hub.domain.ids import Uuid7Factory
from hub.domain.leases import LeaseRules
from hub.domain.retry import BreakerPolicy, RetryPolicy
from hub.services.rules import IntakeFloor, PushRules, Rules, TransferRules
from schemas.limits import FormatLimits
from signing.errors import SigningError
from signing.trust import TrustStore


class TrustUnusable(Exception):
    """The folder of trusted CA certificates holds something that is none."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder}: {reason}")
        self.folder = folder
        self.reason = reason


def rules_of(settings: Settings) -> Rules:
    limits, leases = settings.limits, settings.leases
    return Rules(
        deadlines={
            priority: Allowance(alert=alert, evidence=evidence)
            for priority in range(len(settings.deadlines.alert_s))
            for alert, evidence in [settings.deadlines.of(priority)]
        },
        recipient_leases=LeaseRules(
            length=timedelta(seconds=leases.recipient_s),
            least=timedelta(seconds=leases.recipient_min_s),
            most=timedelta(seconds=leases.recipient_max_s),
        ),
        worker_lease=timedelta(seconds=leases.worker_s),
        worker_renew=timedelta(seconds=leases.renew_s),
        neglected_after=timedelta(seconds=leases.sweep_after_s),
        parked_for=timedelta(seconds=limits.parked_status_s),
        key_retention=timedelta(days=settings.intake_key_days),
        long_poll_s=int(limits.long_poll_s),
        inbox_page=limits.inbox_page,
        transfer=TransferRules(
            min_rate=limits.min_rate_bytes, window_s=limits.min_rate_window_s, request_s=limits.request_s
        ),
        push=_push_rules(settings.push),
        floor=IntakeFloor(
            disk_share=limits.disk_free_ratio,
            disk_bytes=limits.disk_free_bytes,
            backlog=limits.verify_backlog,
            backlog_age=timedelta(seconds=limits.verify_backlog_age_s),
        ),
    )


def _push_rules(push: Push) -> PushRules:
    return PushRules(
        places=push.places,
        retry=RetryPolicy(base=timedelta(seconds=push.retry_base_s), cap=timedelta(seconds=push.retry_cap_s)),
        breaker=BreakerPolicy(threshold=push.breaker_failures, cool_down=timedelta(seconds=push.breaker_s)),
        unconfirmed_lease=timedelta(seconds=push.unconfirmed_s),
        attempt_most=timedelta(seconds=push.attempt_s),
    )


def trust_folder(settings: Settings) -> Path:
    """Return the folder of trusted CA certificates; an empty one trusts nobody.

    Raises:
        TrustUnusable: a file in it cannot be read. Workers would die of it, one after another.
    """
    folder = settings.trust_path
    try:
        folder.mkdir(mode=HOME_MODE, parents=True, exist_ok=True)
        TrustStore.from_folder(folder)
    except (SigningError, ValueError, OSError) as error:
        raise TrustUnusable(folder, str(error)) from error
    return folder


def make_ids() -> Uuid7Factory:
    return Uuid7Factory(lambda: time.time_ns() // 1_000_000, secrets.token_bytes)


def suffixes_of(settings: Settings) -> frozenset[str]:
    return frozenset(settings.province_codes)


def format_limits_of(settings: Settings) -> FormatLimits:
    limits = settings.limits
    return FormatLimits(
        message_bytes=limits.body_bytes,
        attachments=limits.attachments,
        attachment_bytes=limits.attachment_bytes,
        unzipped_bytes=limits.unzipped_bytes,
        unzip_ratio=limits.unzip_ratio,
        skeleton_bytes=limits.skeleton_bytes,
        depth=limits.depth,
        elements=limits.elements,
        recipients=limits.recipients,
    )
