"""What waits at a unit that has ended goes on to the unit that took over, from that day.

A retirement may be announced long before: until its day the unit acts, and mail lies where it was routed.
From the day on (days of Vietnam, the hub's clock) every node looks now and then for deliveries at retired
units that nobody holds:

* a document is *redirected*: its delivery ends with signed evidence, the successor gets one of its own,
  linked to it, under its own policy and deadlines. If the successor has the document already (it was
  addressed to both), the old delivery ends in favour of that one: nobody gets it twice;
* a status, parked ones included, changes its unit where it stands: nobody waits for its evidence.

What is leased at that moment follows when the lease ends unconfirmed; what awaits its verification follows
when that has ended. Units without a successor that can be reached keep their mail until it runs into its
deadline, and `doctor` names them. Each delivery is moved in a transaction of its own: a node that dies has
moved it or not, and another one goes on. [NĐ 30/2020 Đ.18]
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Final
from uuid import UUID

from hub.domain.directory import Agency, Directory, UnitState
from hub.domain.events import EventKind
from hub.domain.problems import HubError, Refusal
from hub.domain.submission import MessageKind
from hub.domain.transport import DeliveryEvent, advance
from hub.ports.directory import StrandedDelivery
from hub.ports.records import Change, Hint
from hub.services.decisions import DecisionService
from hub.services.directory_admin import today
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.evidence import redirection
from hub.services.kit import Kit

BATCH: Final = 100
PASSED_OVER_S: Final = 600.0
PASSED_OVER_MOST: Final = 10_000
BY: Final = "lienthong"
REASON: Final = "đơn vị nhận đã ngừng hoạt động, chuyển tới đơn vị kế thừa"


class Succession:
    """Moves what waits at retired units to their successors."""

    def __init__(self, kit: Kit, directory: DirectorySnapshot, decisions: DecisionService) -> None:
        self._kit = kit
        self._directory = directory
        self._decisions = decisions
        # What could not be moved must not keep others from being looked at.
        self._passed_over: dict[UUID, float] = {}

    async def forward(self) -> int:
        """Make one round; return how many deliveries were moved."""
        directory = await self._directory.current()
        async with self._kit.uow.read() as query:
            heirs = heirs_of(directory, await today(query))
            if not heirs:
                return 0
            skipped = self._skipped()
            stranded = await query.directory.stranded(list(heirs), skipped, BATCH)
        moved = 0
        for delivery in stranded:
            try:
                if delivery.kind is MessageKind.STATUS:
                    await self._move(delivery, heirs[delivery.unit_id])
                else:
                    await self._redirect(delivery, heirs[delivery.unit_id])
            except HubError:
                # Leased, withdrawn or ended since it was looked at, or its body is gone.
                self._passed_over[delivery.id] = time.monotonic() + PASSED_OVER_S
                continue
            moved += 1
        return moved

    async def _redirect(self, stranded: StrandedDelivery, heir: Agency) -> None:
        try:
            await self._decisions.redirect(stranded.id, to=heir.unit_id, by=BY, reason=REASON)
        except Refusal as refused:
            if refused.code != "redirect_pointless":
                raise
            await self._join(stranded, heir)

    async def _join(self, stranded: StrandedDelivery, heir: Agency) -> None:
        """End a delivery in favour of the one that the successor has of the same document."""
        async with self._kit.uow.begin() as tx:
            locked = await tx.deliveries.lock(stranded.id)
            if locked is None:
                raise Refusal("delivery_unknown")
            delivery, now = locked
            document = await tx.documents.get(delivery.document_id)
            siblings = await tx.deliveries.of_document(delivery.document_id)
            other = next((d for d in siblings if d.unit_id == heir.unit_id), None)
            if document is None or other is None:
                raise Refusal("delivery_unknown")
            state = advance(delivery.state, DeliveryEvent.REDIRECT)
            ended = replace(delivery, state=state, ended_at=now)
            statement = redirection(self._kit, document, delivery, other, at=now)
            told = self._kit.journal.delivery(
                EventKind.DELIVERY_REDIRECTED,
                ended,
                at=now,
                facts={"redirected_to": other.id, "to_unit": heir.unit_id, "related": statement.id},
                reason=f"{BY}: {REASON}",
            )
            await tx.record(Change(deliveries=[ended], events=[told], evidence=[statement]))

    async def _move(self, stranded: StrandedDelivery, heir: Agency) -> None:
        assert heir.system_id is not None  # heirs_of names only units with a system
        async with self._kit.uow.begin() as tx:
            if not await tx.directory.move_status(stranded.id, heir.unit_id, heir.system_id):
                return
            row = await tx.deliveries.get(stranded.id)
            assert row is not None  # it was just changed
            told = self._kit.journal.delivery(
                EventKind.DELIVERY_REDIRECTED,
                row,
                at=await tx.deliveries.hub_time(),
                facts={"from_unit": stranded.unit_id, "to_unit": heir.unit_id},
            )
            await tx.record(Change(events=[told], hints=[Hint(topic="inbox", ref=heir.system_id)]))

    def _skipped(self) -> Sequence[UUID]:
        now = time.monotonic()
        if len(self._passed_over) > PASSED_OVER_MOST:
            self._passed_over.clear()
        self._passed_over = {each: until for each, until in self._passed_over.items() if until > now}
        return list(self._passed_over)


@lru_cache(maxsize=2)
def heirs_of(directory: Directory, day: date) -> Mapping[str, Agency]:
    """Return the retired units of a day whose mail somebody can be given, with that unit."""
    # A snapshot is immutable and compared by identity: once per snapshot and day.
    found = {}
    for agency in directory:
        if not agency.is_retired(day):
            continue
        final, _ = directory.final_unit(agency.unit_id, today=day)
        if final is not None and final.state is not UnitState.LOCKED and final.system_id is not None:
            found[agency.unit_id] = final
    return found
