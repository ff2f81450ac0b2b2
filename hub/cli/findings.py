"""What `lienthong doctor` has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is: a warning is to be looked at, an error keeps the hub from doing its work."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: what, whether it is well, and what to do if not.

    `code` is stable; `mend` is the command that mends it, or shows more, if there is one.
    """

    what: str
    ok: bool
    vi: str
    en: str = ""
    code: str = "ok"
    mend: str = ""
    warning: bool = False

    @property
    def level(self) -> Level:
        """How bad it is."""
        if self.ok:
            return Level.OK
        return Level.WARNING if self.warning else Level.ERROR

    def as_json(self) -> dict[str, str]:
        """Return the finding for programs."""
        return {
            "code": self.code,
            "level": self.level.value,
            "what": self.what,
            "vi": self.vi,
            "en": self.en or self.vi,
            "mend": self.mend,
        }


def well(what: str, vi: str, en: str = "") -> Finding:
    """Return the finding that something is as it should be."""
    return Finding(what=what, ok=True, vi=vi, en=en)


def wrong(what: str, code: str, vi: str, en: str, *, mend: str = "") -> Finding:
    """Return an error."""
    return Finding(what=what, ok=False, code=code, vi=vi, en=en, mend=mend)


def doubtful(what: str, code: str, vi: str, en: str, *, mend: str = "") -> Finding:
    """Return a warning."""
    return Finding(what=what, ok=False, warning=True, code=code, vi=vi, en=en, mend=mend)
