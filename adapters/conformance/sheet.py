"""The sheet: outcomes as a statement that the hub signs like a receipt, and as text for people.

The statement is canonical JSON [RFC 8785] under a JWS of the hub's key; whoever holds the hub's public keys
can check that a sheet was given out for this system at this time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.conformance.facts import Api
from adapters.conformance.scenarios import Result
from hub.domain.jcs import Json, canonical_json
from hub.domain.times import rfc3339

SHEET_VERSION: Final = 2
PASS: Final = "PASS"  # noqa: S105 (an outcome)
FAIL: Final = "FAIL"


API_TITLES: Final = {
    Api.REST: "REST (/api/v1)",
    Api.VXP: "API trục quốc gia (VXP)",
    Api.BKAV: "Bkav eDoc REST",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Who was tried, by which interface, when, with what outcome; `hub` is the code of the exchange.

    `others` are names that are not the system's and under which calls got through: nothing passes then.
    """

    system: str
    hub: str
    api: Api = Api.REST
    begun_at: datetime
    ended_at: datetime
    results: Sequence[Result]
    others: Sequence[str] = ()

    @property
    def passed(self) -> bool:
        """Whether every scenario passed."""
        return not self.others and all(result.passed for result in self.results)

    def _passes(self, result: Result) -> bool:
        return not self.others and result.passed

    def statement(self) -> dict[str, Json]:
        """Return the sheet as JSON values."""
        return {
            "version": SHEET_VERSION,
            "kind": "conformance",
            "system": self.system,
            "hub": self.hub,
            "api": self.api.value,
            "begun_at": rfc3339(self.begun_at),
            "ended_at": rfc3339(self.ended_at),
            "result": PASS if self.passed else FAIL,
            "other_callers": list(self.others),
            "scenarios": [
                {
                    "code": r.scenario.code,
                    "title": r.scenario.title,
                    "result": PASS if self._passes(r) else FAIL,
                    "evidence": r.evidence if self._passes(r) else "",
                }
                for r in self.results
            ],
        }

    def canonical(self) -> bytes:
        """Return the bytes that are signed."""
        return canonical_json(self.statement())

    def text(self) -> str:
        """Return the sheet for people, in Vietnamese."""
        lines = [
            "PHIẾU KIỂM TRA KẾT NỐI",
            f"Phần mềm: {self.system}",
            f"Giao diện: {API_TITLES[self.api]}",
            f"Trục: {self.hub}",
            f"Thời gian: {rfc3339(self.begun_at)} – {rfc3339(self.ended_at)}",
            "",
        ]
        if self.others:
            names = ", ".join(self.others)
            lines += [f"Có lời gọi thành công dưới tên khác ({names}): không mục nào được tính.", ""]
        for number, result in enumerate(self.results, 1):
            outcome = "ĐẠT      " if self._passes(result) else "CHƯA ĐẠT "
            seen = result.evidence if self._passes(result) else f"cần: {result.scenario.how}"
            lines.append(f"{number:>2}. {outcome}{result.scenario.title}: {seen}")
        good = sum(self._passes(result) for result in self.results)
        lines += ["", f"Kết quả: {PASS if self.passed else FAIL} ({good}/{len(self.results)} đạt)"]
        return "\n".join(lines)
