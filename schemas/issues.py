"""What is said about a message: `Issue` (a finding) and `EdxmlRefused` (the only exception of this package).

    EdxmlRefused            the message cannot be accepted; carries every finding, the main one first

An `Issue` has a stable code, a severity, the place in the message and one sentence in Vietnamese and English
that says what to do. The sentences live in `schemas.messages`, nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
Language = Literal["vi", "en"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One finding. `path` names the element (`MessageHeader/To[3]/OrganId`), empty for the whole file."""

    code: str
    severity: Severity
    path: str
    vi: str
    en: str

    def text(self, lang: Language) -> str:
        """The sentence in the language asked for."""
        return self.vi if lang == "vi" else self.en


class EdxmlRefused(Exception):
    """The message is refused. `issues[0]` is the main reason; warnings seen before it follow."""

    def __init__(self, *issues: Issue) -> None:
        if not issues:
            raise ValueError("a refusal needs a reason")
        super().__init__(f"{issues[0].code}: {issues[0].en}")
        self.issues = issues

    @property
    def code(self) -> str:
        """Stable code of the main reason."""
        return self.issues[0].code

    def __reduce__(self) -> tuple[type[EdxmlRefused], tuple[Issue, ...]]:
        """Survive the way between processes."""
        return type(self), self.issues
