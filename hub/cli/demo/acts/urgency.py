"""An urgent letter overtakes what lies in a full inbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from adapters.simulator.client import Json
from hub.cli.demo.acts.act import Act, Step

ORDINARY: Final = 4
VERY_URGENT: Final = 3


class Urgency(Act):
    """Two lanes: urgent first, and the normal one never starves."""

    title: ClassVar[str] = "Văn bản khẩn vượt lên trước"

    def steps(self) -> Sequence[Step]:
        """The steps."""
        return (("Sở Nội vụ chưa kịp lấy văn bản thường thì có văn bản hỏa tốc", self._overtake),)

    async def _overtake(self) -> None:
        to = self.department.unit
        letters = [self.letter(f"V/v báo cáo thường kỳ số {n}", to) for n in range(1, ORDINARY + 1)]
        letters.append(self.letter("V/v ứng phó mưa lũ (hỏa tốc)", to, priority=VERY_URGENT))
        sent = [await self.district.client.send(b) for b in await self.written(self.district, *letters)]
        ids = [each.document_id for each in sent]

        async def full() -> list[Json] | None:
            offers = [o for o in await self.department.client.inbox() if o["document_id"] in ids]
            return offers if len(offers) == len(ids) else None

        offers = await self.until(full)
        offered = [offer["document_id"] for offer in offers]
        self.checks.that(offered[0] == ids[-1], "gửi sau cùng, đứng đầu danh sách chờ")
        self.checks.that(offered[1:] == ids[:-1], "văn bản thường giữ nguyên thứ tự gửi")
        taken = [r.offer["document_id"] for r in await self.department.receive(wait=0)]
        self.checks.that([t for t in taken if t in ids] == offered, "Sở lấy hết theo đúng thứ tự đó")
        first, second = (datetime.fromisoformat(offer["deadline_at"]) for offer in offers[:2])
        self.checks.that(first < second, "hạn giao của văn bản hỏa tốc tới trước")
