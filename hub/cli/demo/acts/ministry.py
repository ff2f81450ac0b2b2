"""A letter goes from a district through two hubs to a ministry, and its statuses and the answer come back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from adapters.simulator.client import Json
from hub.cli.demo.acts.act import STEP_LIMIT_S, Act, Step, first_delivery, needed, now
from hub.cli.demo.cast import DISTRICT
from hub.cli.demo.checks import Checks
from hub.cli.demo.nation import MINISTRY
from hub.cli.demo.stage import Stage


class Ministry(Act):
    """The way out of the province and back."""

    title: ClassVar[str] = "Ra ngoài tỉnh: trục quốc gia"
    _arrived: Json | None = None

    def __init__(self, stage: Stage, checks: Checks) -> None:
        super().__init__(stage, checks)
        self.ministry = stage.nation.ministry

    def steps(self) -> Sequence[Step]:
        """The steps."""
        return (
            ("Huyện gửi văn bản ra Bộ Nội vụ qua trục quốc gia; Bộ tiếp nhận", self._outward),
            ("Bộ trả lời; huyện nhận từ trục quốc gia và báo lại", self._inward),
        )

    async def _outward(self) -> None:
        letter = self.letter("V/v báo cáo tổ chức bộ máy cấp huyện", MINISTRY)
        sent, _ = await self.district.send(letter, now=now())
        results = [r["result"] for r in sent.receipt["recipients"]]
        self.checks.that(results == ["relayed"], "biên nhận ghi: chuyển ra trục quốc gia")
        received = await self.receive(
            self.ministry,
            lambda offer: (
                offer["from_code"] == DISTRICT.unit.code
                and offer["document_no"] == sent.receipt["document_no"]
            ),
        )
        arrived = received.offer
        self.checks.that(arrived["kind"] == "document", "Bộ nhận đúng văn bản đó")
        self._arrived = arrived
        for code in ("01", "03"):
            await self.ministry.client.status(arrived["document_id"], code, at=now())
        await self._until_accepted(sent.document_id)
        self.checks.that(True, "huyện thấy văn bản đã được Bộ tiếp nhận (01, 03 về qua trục quốc gia)")

    async def _inward(self) -> None:
        arrived = needed(self._arrived)
        letter = self.letter("V/v trả lời về tổ chức bộ máy", DISTRICT.unit, reply_to=arrived)
        sent, _ = await self.ministry.send(letter, now=now())
        number = sent.receipt["document_no"]
        received = await self.receive(self.district, lambda offer: offer["document_no"] == number)
        self.checks.that(received.offer["from_code"] == MINISTRY.code, "huyện nhận văn bản trả lời của Bộ")
        await self.district.client.status(received.offer["document_id"], "03", at=now())
        await self.receive_status(self.ministry, "03", number)
        self.checks.that(True, "Bộ nhận trạng thái 03 của huyện")

    async def _until_accepted(self, document_id: str) -> None:
        async with asyncio.timeout(STEP_LIMIT_S):
            while True:
                document = await self.district.client.document(document_id)
                if first_delivery(document)["business_state"] == "accepted":
                    return
                await self.district.receive(wait=1)
