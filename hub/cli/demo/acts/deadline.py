"""A recipient fetches a letter and dies: alert, signed evidence of non-delivery, its late confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Final

from adapters.simulator.client import Fetched, Json, Sent
from hub.cli.demo.acts.act import Act, Step, first_delivery, needed, now

VERY_URGENT: Final = 3
TO_THE_ALERT: Final = timedelta(minutes=20)
TO_THE_END: Final = timedelta(hours=5)


class Deadline(Act):
    """Hỏa tốc: alert after a quarter of an hour, evidence after four hours."""

    title: ClassVar[str] = "Quá hạn giao"
    _held: tuple[Sent, Fetched] | None = None

    def steps(self) -> Sequence[Step]:
        """The steps."""
        return (
            ("Sở tải văn bản hỏa tốc rồi mất điện; 20 phút sau nơi gửi được báo động", self._alerted),
            ("Quá hạn 4 giờ: trục lập chứng cứ không giao được, có ký", self._ended),
            ("Sở có điện lại và xác nhận muộn: chứng cứ vẫn giữ, có sự kiện đính chính", self._late),
        )

    async def _alerted(self) -> None:
        await self.clear_inboxes()
        letter = self.letter("V/v ứng trực lũ (hỏa tốc)", self.department.unit, priority=VERY_URGENT)
        sent, _ = await self.district.send(letter, now=now())
        offer = await self.until(lambda: self._offered(sent.document_id))
        self._held = (sent, await self.department.client.fetch(offer["delivery_id"]))
        await self.stage.clock.forward(TO_THE_ALERT)

        async def alerted() -> bool | None:
            return "deadline_alerted" in await self.kinds(self.district, sent.document_id) or None

        await self.until(alerted)
        self.checks.that(True, "nơi gửi được báo: chưa ai xác nhận đã nhận")

    async def _ended(self) -> None:
        sent, _ = needed(self._held)
        await self.stage.clock.forward(TO_THE_END)
        await self.until_document(
            self.district, sent.document_id, lambda d: first_delivery(d)["state"] == "undeliverable"
        )
        (statement,) = await self.statements(self.district, sent.document_id, "non_delivery")
        self.checks.that(
            statement["recipient"] == self.department.unit.code
            and statement["sha256"] == sent.receipt["sha256"],
            "chứng cứ không giao được: trục ký, ghi nơi nhận, mã băm, giờ",
        )

    async def _late(self) -> None:
        sent, fetched = needed(self._held)
        await self.department.client.confirm(fetched)
        state = first_delivery(await self.district.client.document(sent.document_id))
        self.checks.that(state["state"] == "confirmed", "nơi gửi thấy: đã xác nhận, muộn")
        kinds = await self.until(lambda: self._told_late(sent.document_id))
        self.checks.that(
            kinds.index("delivery_undeliverable") < kinds.index("delivery_confirmed_late"),
            "nhật ký: hết hạn, rồi xác nhận muộn",
        )
        kept = await self.statements(self.district, sent.document_id, "non_delivery")
        self.checks.that(len(kept) == 1, "chứng cứ cũ không bị xóa hay sửa")

    async def _offered(self, document_id: str) -> Json | None:
        offers = await self.department.client.inbox()
        return next((o for o in offers if o["document_id"] == document_id), None)

    async def _told_late(self, document_id: str) -> list[str] | None:
        kinds = await self.kinds(self.district, document_id)
        return kinds if "delivery_confirmed_late" in kinds else None
