"""One entry of the problem catalogue: what happened, and what to do about it, in two languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["vi", "en"]
ParamValue = str | int

_VALUE_MAX = 80
"""Longest piece of a caller's own data that a sentence repeats."""


class _Params(dict[str, str]):
    """Values of the placeholders; one that was not given reads as an ellipsis, never as a crash."""

    def __missing__(self, key: str) -> str:
        return "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A stable code, its HTTP status and its sentences; ``{name}`` in them is filled from the parameters."""

    code: str
    status: int
    vi: str
    en: str
    action_vi: str
    action_en: str
    retryable: bool = False

    def text(self, language: Language, params: Mapping[str, ParamValue] | None = None) -> str:
        """What happened."""
        return _fill(self.vi if language == "vi" else self.en, params)

    def action(self, language: Language, params: Mapping[str, ParamValue] | None = None) -> str:
        """What the caller can do about it."""
        return _fill(self.action_vi if language == "vi" else self.action_en, params)


def _fill(template: str, params: Mapping[str, ParamValue] | None) -> str:
    values = _Params({name: _short(str(value)) for name, value in (params or {}).items()})
    return template.format_map(values)


def _short(value: str) -> str:
    return value if len(value) <= _VALUE_MAX else value[: _VALUE_MAX - 1] + "…"
