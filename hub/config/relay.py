"""The relay to the national exchange. [design section 4; national format, 3]"""

from __future__ import annotations

from pydantic import Field

from hub.config.base import MIB, Count, Group, Seconds


class Relay(Group):
    """How the national exchange is polled and listened to; where it is, is set with its system."""

    interval_s: Seconds = Field(60, description="Time between polls, ±20 %.")
    retry_most_s: Seconds = Field(600, description="Longest time between polls that fail.")
    lease_s: Seconds = Field(120, description="How long a node that polls may be silent before another does.")
    overlap_days: Count = Field(7, description="How far back before the last good poll lists are asked for.")
    silence_hours: Seconds = Field(24, description="No mail from the exchange for so long is an alarm.")
    sent_every_s: Seconds = Field(600, description="How often the state of what was sent is asked for.")
    directory_sync: bool = Field(
        default=True, description="Take agencies outside the province from the exchange's directory."
    )
    directory_every_hours: Seconds = Field(24, description="How often its directory is read.")
    directory_gone_share: float = Field(
        0.05, ge=0, le=1, description="If more than this share (and 20) would go, nothing is changed."
    )
    connect_s: Seconds = Field(10, description="Longest wait for a connection.")
    call_s: Seconds = Field(30, description="Longest call that moves no document.")
    transfer_s: Seconds = Field(600, description="Longest sending or fetching of a document.")
    stalled_s: Seconds = Field(60, description="Longest silence within a call.")
    document_bytes: Count = Field(200 * MIB, description="Largest message fetched.")
