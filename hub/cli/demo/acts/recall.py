"""The sender wants a letter back: before it is fetched it is withdrawn, afterwards its recipient is asked.

[QĐ 28/2018 Đ.8; NĐ 30/2020 Đ.18]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from adapters.simulator.client import Json, Sent
from hub.cli.demo.acts.act import QUIET_WAIT_S, Act, Step, first_delivery, now

REASON: Final = "Gửi nhầm dự thảo"


class Recall(Act):
    """13, and what the recipient says to it: 15 or 16."""

    title: ClassVar[str] = "Lấy lại văn bản đã gửi"

    def steps(self) -> Sequence[Step]:
        """The steps."""
        return (
            ("Xã lấy lại văn bản huyện đã nhận (13); huyện đồng ý (15)", self._agreed),
            ("Xã lấy lại văn bản khác (13); huyện không đồng ý (16)", self._declined),
            ("Xã lấy lại văn bản huyện chưa tải: trục rút lại, không gửi nội dung nữa", self._withdrawn),
        )

    async def _agreed(self) -> None:
        sent, outcome = await self._asked("V/v báo cáo số liệu tháng (gửi nhầm)")
        self.checks.that(outcome["result"] == "asked", "văn bản đã tới huyện: trục hỏi huyện, không tự rút")
        await self.district.client.status(sent.document_id, "15", at=now(), staff="Văn thư huyện")
        number = sent.receipt["document_no"]
        await self.receive_status(self.commune, "15", number)
        state = first_delivery(await self.commune.client.document(sent.document_id))
        self.checks.that(state["business_state"] == "recalled", "xã nhận 15: văn bản đã được trả lại")

    async def _declined(self) -> None:
        sent, _ = await self._asked("V/v báo cáo tiến độ dự án")
        await self.district.client.status(
            sent.document_id, "16", at=now(), description="Đã giao xử lý, không trả lại được"
        )
        number = sent.receipt["document_no"]
        await self.receive_status(self.commune, "16", number)
        state = first_delivery(await self.commune.client.document(sent.document_id))
        self.checks.that(
            state["business_state"] == "accepted", "xã nhận 16 có lý do: văn bản trở lại “đã tiếp nhận”"
        )

    async def _withdrawn(self) -> None:
        letter = self.letter("V/v đính chính (gửi nhầm)", self.district.unit)
        sent, _ = await self.commune.send(letter, now=now())
        await self.until_document(
            self.commune, sent.document_id, lambda d: first_delivery(d)["state"] == "queued"
        )
        (outcome,) = await self.commune.client.recall(sent.document_id, REASON, at=now())
        self.checks.that(outcome["result"] == "withdrawn", "rút lại được trước khi huyện tải")
        (statement,) = await self.statements(self.commune, sent.document_id, "withdrawal")
        self.checks.that(statement["body_sent"] is False, "chứng cứ do trục ký: nội dung chưa rời trục")
        offered = [o["document_id"] for o in await self.district.client.inbox(wait=QUIET_WAIT_S)]
        self.checks.that(sent.document_id not in offered, "huyện không thấy văn bản này")

    async def _asked(self, subject: str) -> tuple[Sent, Json]:
        sent, _ = await self.commune.send(self.letter(subject, self.district.unit), now=now())
        await self.receive_document(self.district, sent.document_id)
        await self.district.client.status(sent.document_id, "03", at=now())
        (outcome,) = await self.commune.client.recall(sent.document_id, REASON, at=now())
        asked = await self.receive_status(self.district, "13", sent.receipt["document_no"])
        self.checks.that(asked.offer["status_code"] == "13", "huyện nhận yêu cầu lấy lại (13)")
        return sent, outcome
