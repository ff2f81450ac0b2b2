"""A letter is updated under its number, then replaced by another one. [QCVN 102, BussinessDocType 2 and 3]"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from adapters.simulator.client import Sent
from adapters.simulator.dms import Letter
from hub.cli.demo.acts.act import Act, Step, first_delivery, needed, now
from schemas.edxml.model import Business, ReplacementInfo


class Changes(Act):
    """Versions and replacements; each recipient agrees or does not."""

    title: ClassVar[str] = "Cập nhật và thay thế văn bản"
    _letter: tuple[Letter, Sent] | None = None

    def steps(self) -> Sequence[Step]:
        """The steps."""
        return (
            ("Xã cập nhật văn bản đã gửi: cùng số, phiên bản 2; huyện đồng ý (15)", self._update),
            ("Xã thay thế văn bản đó bằng văn bản mới; huyện đồng ý (15)", self._replace),
        )

    async def _update(self) -> None:
        letter = self.letter("V/v kế hoạch tập huấn", self.district.unit)
        first, _ = await self.commune.send(letter, now=now())
        await self.receive_document(self.district, first.document_id)
        await self.district.client.status(first.document_id, "03", at=now())
        number = first.receipt["document_no"]
        business = Business(doc_type=2, document_id=number, reason="Sửa ngày tổ chức", paper=0)
        changed = self.amended(letter, subject="V/v kế hoạch tập huấn (đổi ngày)", business=business)
        second, _ = await self.commune.send(changed, now=now())
        self.checks.that(
            (second.receipt["document_no"], second.receipt["version_no"]) == (number, 2),
            "biên nhận: cùng số văn bản, phiên bản 2",
        )
        received = await self.receive_document(self.district, second.document_id)
        self.checks.that(received.offer["version_no"] == 2, "huyện nhận phiên bản 2, còn phiên bản 1 vẫn giữ")
        self._letter = (letter, second)
        await self.district.client.status(second.document_id, "15", at=now())
        await self.receive_status(self.commune, "15", number)
        state = first_delivery(await self.commune.client.document(first.document_id))
        self.checks.that(state["business_state"] == "accepted", "huyện đồng ý cập nhật, xử lý tiếp")

    async def _replace(self) -> None:
        _, old = needed(self._letter)
        info = ReplacementInfo(document_id=old.receipt["document_no"], organ_ids=(self.district.unit.code,))
        business = Business(doc_type=3, reason="Thay thế toàn bộ", paper=0, replacements=(info,))
        letter = self.letter("V/v kế hoạch tập huấn (thay thế)", self.district.unit, business=business)
        new, _ = await self.commune.send(letter, now=now())
        received = await self.receive_document(self.district, new.document_id)
        self.checks.that(received.offer["doc_type"] == 3, "huyện nhận văn bản thay thế")
        state = first_delivery(await self.commune.client.document(old.document_id))
        self.checks.that(state["business_state"] == "replace_requested", "văn bản cũ chờ huyện trả lời")
        # The answer quotes the document that asks, so that nobody takes it for one about the update.
        await self.district.client.status(new.document_id, "15", at=now())
        await self.receive_status(self.commune, "15", new.receipt["document_no"])
        state = first_delivery(await self.commune.client.document(old.document_id))
        self.checks.that(state["business_state"] == "replaced", "huyện đồng ý: văn bản cũ đã bị thay thế")
