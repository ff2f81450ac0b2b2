"""Limits, leases and deadlines. [design section 8]"""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from hub.config.base import GIB, KIB, MIB, Count, Group, Seconds
from hub.config.reasons import refusal


class Limits(Group):
    """What one message, one sender and one node may ask for. [design section 8]"""

    body_bytes: Count = Field(150 * MIB, description="Largest body of a submission (413).")
    attachment_bytes: Count = Field(100 * MIB, description="Largest attachment, decoded (413).")
    attachments: Count = Field(100, description="Most attachments of one document (422).")
    recipients: Count = Field(2_000, description="Most recipients of one document (422).")
    unzipped_bytes: Count = Field(200 * MIB, description="Largest attachment once unzipped.")
    unzip_ratio: Count = Field(100, description="Largest ratio of unzipped to zipped size.")
    skeleton_bytes: Count = Field(2 * MIB, description="Largest edXML without its attachments.")
    depth: Count = Field(32, description="Deepest nesting of elements.")
    elements: Count = Field(50_000, description="Most elements of one message.")
    intake_per_node: Count = Field(32, description="Submissions read at once by one node (503 beyond).")
    intake_per_system: Count = Field(4, description="Submissions read at once of one system (429 beyond).")
    verify_per_system: Count = Field(
        3, description="Files verified at once on request of one system (429 beyond)."
    )
    calls_per_minute: Count = Field(
        60_000, description="Calls of one system to one node in a minute (429 beyond), unless it has its own."
    )
    empty_polls_per_minute: Count = Field(
        3_000, description="Polls of one system without `wait` that find nothing, in a minute (429 beyond)."
    )
    min_rate_bytes: Count = Field(10 * KIB, description="Slowest body accepted, bytes per second.")
    min_rate_window_s: Seconds = Field(30, description="Time over which that rate is measured.")
    request_s: Seconds = Field(600, description="Longest request.")
    drain_s: Seconds = Field(10, description="How long a refused body is still read.")
    disk_free_ratio: float = Field(
        0.05, ge=0, lt=1, description="Below this free share of the disk the normal lane is refused."
    )
    disk_free_bytes: int = Field(
        2 * GIB, ge=0, description="Below this free space the normal lane is refused."
    )
    verify_backlog: Count = Field(
        20_000, description="Above this many waiting verifications the normal lane is refused."
    )
    verify_backlog_age_s: Seconds = Field(
        600, description="When one waits longer than this the normal lane is refused."
    )
    long_poll_s: Seconds = Field(25, description="Longest wait of GET /inbox.")
    inbox_page: Count = Field(100, description="Most entries of one inbox page.")
    parked_status_s: Seconds = Field(86_400, description="How long a status waits for an unknown document.")


class Leases(Group):
    """How long a claim on a row holds without a sign of life. [design section 3]"""

    worker_s: Seconds = Field(60, description="Lease of a worker on a task.")
    renew_s: Seconds = Field(20, description="How often a worker renews it.")
    recipient_s: Seconds = Field(
        300, description="Lease of a recipient on a delivery, unless it asks otherwise."
    )
    recipient_min_s: Seconds = Field(30, description="Shortest lease a recipient may ask for.")
    recipient_max_s: Seconds = Field(3_600, description="Longest lease a recipient may ask for.")
    sweep_after_s: Seconds = Field(30, description="A due row without a lease is published again after this.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.renew_s * 2 > self.worker_s:
            raise refusal("renew_s không được quá nửa worker_s", "renew_s must be at most half of worker_s")
        if not self.recipient_min_s <= self.recipient_s <= self.recipient_max_s:
            raise refusal(
                "recipient_s phải nằm giữa recipient_min_s và recipient_max_s",
                "recipient_s must lie between recipient_min_s and recipient_max_s",
            )
        return self


class Deadlines(Group):
    """After how many seconds an undelivered document alerts, and ends with evidence, by Priority 0–4."""

    alert_s: tuple[Seconds, ...] = Field(
        (8 * 3600, 2 * 3600, 3600, 900, 900), description="Alert, for Priority 0, 1, 2, 3, 4."
    )
    evidence_s: tuple[Seconds, ...] = Field(
        (72 * 3600, 24 * 3600, 12 * 3600, 4 * 3600, 4 * 3600),
        description="Evidence of non-delivery, for Priority 0, 1, 2, 3, 4.",
    )

    @model_validator(mode="after")
    def _five_each(self) -> Self:
        if len(self.alert_s) != 5 or len(self.evidence_s) != 5:
            raise refusal(
                "alert_s và evidence_s mỗi bên có năm giá trị, cho độ khẩn 0 đến 4",
                "alert_s and evidence_s have five values each, for Priority 0 to 4",
            )
        if any(alert >= end for alert, end in zip(self.alert_s, self.evidence_s, strict=True)):
            raise refusal(
                "cảnh báo phải tới trước chứng cứ không giao được",
                "an alert must come before its evidence of non-delivery",
            )
        return self

    def of(self, priority: int) -> tuple[timedelta, timedelta]:
        """Return (alert, evidence) for a priority; beyond 4 counts as 4."""
        index = min(max(priority, 0), 4)
        return timedelta(seconds=self.alert_s[index]), timedelta(seconds=self.evidence_s[index])
