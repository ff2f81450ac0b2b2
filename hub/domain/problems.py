"""Every problem the hub can answer with, and the root of its errors.

The catalogue is the one list of codes: HTTP answers are RFC 9457 problem documents whose ``code`` is a key
of ``PROBLEMS``; command line, interface and documentation take their sentences from the same entries. A code
never changes its meaning and is never reused.

The tree of errors::

    HubError            code, params, retry_after; knows its Problem
    ├── Refusal         the caller's message or call was judged and is not accepted (4xx)
    └── IllegalTransition   (hub.domain.transport)

Parameters carry codes, names of fields and numbers; never bodies, subjects or reasons, because errors are
logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hub.domain.problem import Language, ParamValue, Problem
from hub.domain.problems_access import ACCESS_PROBLEMS
from hub.domain.problems_content import CONTENT_PROBLEMS
from hub.domain.problems_exchange import EXCHANGE_PROBLEMS
from hub.domain.problems_relay import RELAY_PROBLEMS
from hub.domain.problems_signing import SIGNING_PROBLEMS

__all__ = ["PROBLEMS", "HubError", "Language", "ParamValue", "Problem", "Refusal", "markdown_table"]

PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {
        problem.code: problem
        for problem in (
            *CONTENT_PROBLEMS,
            *EXCHANGE_PROBLEMS,
            *RELAY_PROBLEMS,
            *ACCESS_PROBLEMS,
            *SIGNING_PROBLEMS,
        )
    }
)


class HubError(Exception):
    """Root of the hub's errors: a code of the catalogue and the facts that fill its sentences."""

    def __init__(
        self,
        code: str,
        *,
        params: Mapping[str, ParamValue] | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.problem = PROBLEMS[code]
        self.code = code
        self.params: Mapping[str, ParamValue] = MappingProxyType(dict(params or {}))
        self.retry_after = retry_after
        super().__init__(code)

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later, unchanged."""
        return self.problem.retryable

    def text(self, language: Language = "vi") -> str:
        return self.problem.text(language, self.params)

    def action(self, language: Language = "vi") -> str:
        return self.problem.action(language, self.params)

    def __str__(self) -> str:
        return f"{self.code}: {self.text('en')}"


class Refusal(HubError):
    """The call was judged and is not accepted; nothing of it was stored, a resend is judged anew."""


def markdown_table() -> str:
    """The catalogue for the reference documentation."""
    rows = [
        f"| `{p.code}` | {p.status} | {'yes' if p.retryable else 'no'} | {p.vi}<br>{p.en} "
        f"| {p.action_vi}<br>{p.action_en} |"
        for p in sorted(PROBLEMS.values(), key=lambda p: p.code)
    ]
    head = ["| code | status | try again | what happened | what to do |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"
