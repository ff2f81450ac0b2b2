"""A district ends on a day that was announced: from then its mail is its successor's. [NĐ 30/2020 Đ.18]"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar, Final

from adapters.simulator.client import Sent
from hub.cli.demo.acts.act import Act, Step, first_delivery, needed, now
from hub.cli.demo.cast import ENDING, HEIR
from hub.domain.directory import UnitState
from hub.domain.directory_orders import Retire
from hub.services.directory_admin import Import

BY: Final = "Sở Nội vụ"
A_DAY: Final = timedelta(days=1)


class Merger(Act):
    """What waits at the old unit and what is sent to it later both reach the new one, once."""

    title: ClassVar[str] = "Sáp nhập đơn vị"
    _waiting: Sent | None = None

    def steps(self) -> Sequence[Step]:
        """The steps."""
        return (
            ("Công bố: từ ngày mai huyện Bàu Bàng nhập vào thành phố Bến Cát", self._announced),
            ("Hôm sau: văn bản đang chờ chuyển sang Bến Cát, có chứng cứ", self._moved),
            ("Văn bản mới gửi mã cũ: tới thẳng Bến Cát", self._forwarded),
        )

    async def _announced(self) -> None:
        await self.clear_inboxes()
        changes = self.stage.hub.registry.changes
        await self._as_before()
        day = await changes.today() + A_DAY
        order = Retire(codes=(ENDING.unit.code,), successors=(HEIR.unit.code,), on=day)
        await changes.carry_out(order, by=BY)
        sent, _ = await self.commune.send(self.letter("V/v bàn giao hồ sơ", ENDING.unit), now=now())
        (result,) = sent.receipt["recipients"]
        self.checks.that(
            result["result"] == "routed" and result["unit"] == ENDING.unit.code,
            f"trước ngày {day:%d/%m/%Y} văn bản vẫn tới Bàu Bàng, nằm chờ ở đó",
        )
        await self.until_document(
            self.commune, sent.document_id, lambda d: first_delivery(d)["state"] == "queued"
        )
        self._waiting = sent

    async def _moved(self) -> None:
        sent = needed(self._waiting)
        await self.stage.clock.forward(A_DAY)

        async def moved() -> bool | None:
            # Every node looks by itself three times a minute; nobody wants to wait for that here.
            await self.stage.hub.succession.forward()
            document = await self.commune.client.document(sent.document_id)
            return any(d["state"] == "redirected" for d in document["deliveries"]) or None

        await self.until(moved)
        await self.receive_document(self.stage.system(HEIR), sent.document_id)
        self.checks.that(True, "Bến Cát nhận văn bản đã gửi cho Bàu Bàng hôm trước")
        (statement,) = await self.statements(self.commune, sent.document_id, "redirect")
        self.checks.that(
            (statement["recipient"], statement["redirected_to"]) == (ENDING.unit.code, HEIR.unit.code),
            "nơi gửi có chứng cứ do trục ký: ai nhận thay ai",
        )
        left = await self.stage.system(ENDING).client.inbox()
        self.checks.that(not left, "Bàu Bàng không còn văn bản nào")

    async def _forwarded(self) -> None:
        letter = self.letter("V/v báo cáo sau sáp nhập", ENDING.unit, HEIR.unit)
        sent, _ = await self.commune.send(letter, now=now())
        results = {r["code"]: (r["result"], r["unit"]) for r in sent.receipt["recipients"]}
        self.checks.that(
            results
            == {
                ENDING.unit.code: ("forwarded", HEIR.unit.code),
                HEIR.unit.code: ("routed", HEIR.unit.code),
            },
            "biên nhận ghi: mã cũ chuyển tiếp tới Bến Cát",
        )
        received = await self.receive_document(self.stage.system(HEIR), sent.document_id)
        codes = sorted(received.offer["addressed_as"])
        deliveries = (await self.commune.client.document(sent.document_id))["deliveries"]
        self.checks.that(
            codes == [HEIR.unit.code, ENDING.unit.code] and len(deliveries) == 1,
            "gửi cả mã cũ lẫn mã mới, Bến Cát nhận một bản",
        )

    async def _as_before(self) -> None:
        # An earlier performance has ended the district for good; this one begins before that.
        registry = self.stage.hub.registry
        directory = await registry.directory()
        unit = directory.unit(ENDING.unit.code)
        if unit is None or unit.state is not UnitState.RETIRED:
            return
        active = replace(unit, state=UnitState.ACTIVE, retired_on=None, successors=())
        agencies = tuple(active if a.unit_id == unit.unit_id else a for a in directory)
        await registry.changes.carry_out(Import(agencies=agencies), by=BY)
