"""One recorded call and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.validate import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call and its answer.

    `sent` is what a message in the call's body said, `carried` what one in the answer said; `order` and
    `answer` are the JSON that went and came; `parameters` what the interface's own headers said, by names in
    lower case; `repeated`: the hub called it a resend.
    """

    method: str
    path: str
    status: int
    sha256: str
    size: int
    repeated: bool
    cut: bool
    sent: Summary | None
    order: Any
    answer: Any
    parameters: Mapping[str, str] = field(default_factory=dict)
    carried: Summary | None = None

    @property
    def operation(self) -> str:
        """The last part of the path."""
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def fields(self) -> Mapping[str, Any]:
        """The answer's fields; none if it is no JSON object."""
        return self.answer if isinstance(self.answer, dict) else {}
