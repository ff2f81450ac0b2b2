"""A letter with a broken signature is held, and a person of the province lets it go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from hub.cli.demo.acts.act import QUIET_WAIT_S, Act, Step, first_delivery, now
from hub.cli.demo.acts.refusals import tampered

CLERK: Final = "Văn thư tỉnh"
REASON: Final = "đã đối chiếu bản giấy có dấu đỏ, nội dung đúng"


class Hold(Act):
    """The policy decides per recipient; what it holds waits for a person, on record."""

    title: ClassVar[str] = "Giữ lại, chờ người quyết định"

    def steps(self) -> Sequence[Step]:
        """The steps."""
        return (
            ("Chữ ký hỏng, Sở yêu cầu giữ lại những văn bản như vậy; văn thư xem rồi cho chuyển", self._held),
        )

    async def _held(self) -> None:
        letter = self.letter("V/v xác nhận hồ sơ cán bộ", self.department.unit)
        _, pdf = await self.commune.compose(letter, now=now())
        sent = await self.commune.client.send(self.commune.message(letter, tampered(pdf), now=now()))
        state = first_delivery(
            await self.until_document(
                self.commune, sent.document_id, lambda d: first_delivery(d)["state"] == "held"
            )
        )
        self.checks.that(True, "trục giữ lại, nơi gửi thấy trạng thái “giữ lại” và lý do")
        offered = [o["document_id"] for o in await self.department.client.inbox(wait=QUIET_WAIT_S)]
        self.checks.that(sent.document_id not in offered, "Sở chưa thấy văn bản")
        desk = self.stage.hub.decisions
        waiting = [o.delivery for o in await desk.waiting() if str(o.document.id) == sent.document_id]
        self.checks.that(
            [str(d.id) for d in waiting] == [state["delivery_id"]],
            "văn thư thấy nó trong danh sách chờ (lienthong delivery held)",
        )
        await desk.release(waiting[0].id, by=CLERK, reason=REASON)
        await self.receive_document(self.department, sent.document_id)
        self.checks.that(True, "văn thư cho chuyển, Sở nhận được")
        kinds = await self.kinds(self.commune, sent.document_id)
        places = [kinds.index(f"delivery_{kind}") for kind in ("held", "released", "confirmed")]
        self.checks.that(places == sorted(places), "nhật ký ghi đủ: giữ lại, cho chuyển, đã nhận")
