"""Options of delivery by push: places, back-off, breaker. [design section 8]"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from hub.config.base import Count, Group, Seconds
from hub.config.reasons import refusal


class Push(Group):
    """How deliveries are handed to systems that are pushed to. [design sections 2.10 and 8]"""

    places: Count = Field(4, description="Deliveries on their way to one system at once, per node.")
    retry_base_s: Seconds = Field(
        10, description="Ceiling of the wait after a first failure; doubles each time."
    )
    retry_cap_s: Seconds = Field(3_600, description="Longest wait between attempts.")
    breaker_failures: Count = Field(5, description="Failures in a row after which a system is left alone.")
    breaker_s: Seconds = Field(60, description="How long it is left alone before one attempt is let through.")
    attempt_s: Seconds = Field(1_800, description="Longest attempt, whatever an adapter's own limits are.")
    unconfirmed_s: Seconds = Field(
        3_600,
        description="How long a system that confirms by itself has before it is handed the document again.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.retry_base_s > self.retry_cap_s:
            raise refusal(
                "retry_base_s không được lớn hơn retry_cap_s", "retry_base_s must not be above retry_cap_s"
            )
        return self
