"""Packages: the inbox for systems that know no leases.

Such a system lists what it has not confirmed, fetches any of it as often as it likes, and says what became
of it. Underneath are the same deliveries, leases and moves as everywhere:

    waiting ──fetch──▶ leased, handed over ──confirm──▶ confirmed
                        │       ▲                 └─refuse──▶ rejected
                        └─lease runs out, queued again; still listed, still confirmable

Fetching takes the lease, or goes on under the one that the system holds already: it is one system, however
many of its processes ask. A package stays listed until it is confirmed, refused or given up. Only what was
fetched can be confirmed or refused, and what has ended never changes again: a call that repeats how it
ended is answered as the first time, any other is refused. What was confirmed can be fetched again.

If the hub dies after the content was sent and before that was recorded, the package is fetched again: at
least once handed over, exactly once confirmed.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from hub.domain.directory import Agency
from hub.domain.problems import Refusal
from hub.domain.submission import MessageKind
from hub.domain.transport import LEASED_STATES, OPEN_STATES, DeliveryState
from hub.ports.packages import PackageRow, Period, SentRow
from hub.ports.records import DeliveryRecord
from hub.ports.unit_of_work import UnitOfWork
from hub.services.access import Caller
from hub.services.call_rates import CallRates
from hub.services.inbox import Content, InboxService
from hub.services.nothing_new import NothingNew
from hub.services.replay import ReplayService

LISTED_MOST: Final = 1_000
"""So many packages at once: the rest comes up as these are confirmed."""
SENT_MOST: Final = 2_000
COUNTED_MOST: Final = 100_000
NEWEST_MOST: Final = 20_000
ALWAYS: Final = Period()
DEFAULT_REASON: Final = "Phần mềm nhận báo lỗi, không nêu lý do"


class PackageState(StrEnum):
    """How far a recipient is with a package."""

    NEW = "new"
    TAKEN_UP = "taken_up"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    NOT_DELIVERED = "not_delivered"


def state_of(row: PackageRow | SentRow) -> PackageState:
    """Return how far the recipient of a listed package is."""
    match row.state if isinstance(row, SentRow) else DeliveryState.QUEUED:
        case DeliveryState.CONFIRMED:
            return PackageState.CONFIRMED
        case DeliveryState.REJECTED | DeliveryState.REFUSED:
            return PackageState.REFUSED
        case DeliveryState.UNDELIVERABLE | DeliveryState.WITHDRAWN:
            return PackageState.NOT_DELIVERED
        case _:
            return PackageState.TAKEN_UP if row.taken_up else PackageState.NEW


class PackageService:
    """Lists, fetches and answers packages for a system."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        inbox: InboxService,
        replay: ReplayService,
        nothing_new: NothingNew,
        rates: CallRates,
    ) -> None:
        self._uow = uow
        self._inbox = inbox
        self._replay = replay
        self._nothing_new = nothing_new
        self._rates = rates

    async def waiting(
        self, caller: Caller, kind: MessageKind, *, unit_id: str | None = None
    ) -> tuple[PackageRow, ...]:
        """Return what the caller has not confirmed yet, at most `LISTED_MOST`, urgent first.

        That there is nothing is known without the database most of the time.

        Raises:
            Refusal: `rate_limited` for who asks in vain over and over: never an empty list instead.
        """
        name = kind if unit_id is None else (kind, unit_id)
        if await self._nothing_for(caller, name):
            return ()
        begun = self._nothing_new.begin(caller.system_id)
        async with self._uow.read() as query:
            found = await query.packages.waiting(caller.system_id, kind, limit=LISTED_MOST, unit_id=unit_id)
        if not found:
            self._nothing_new.found_empty(caller.system_id, name, begun)
            self._rates.polled_in_vain(caller.system_id)
        return found

    async def count(self, caller: Caller, kind: MessageKind) -> int:
        """Return how many packages of the caller wait, at most `COUNTED_MOST`; raises as `waiting`."""
        if await self._nothing_for(caller, kind):
            return 0
        begun = self._nothing_new.begin(caller.system_id)
        async with self._uow.read() as query:
            number = await query.packages.count(caller.system_id, kind, limit=COUNTED_MOST)
        if not number:
            self._nothing_new.found_empty(caller.system_id, kind, begun)
            self._rates.polled_in_vain(caller.system_id)
        return number

    async def sent(
        self, caller: Caller, kind: MessageKind, *, period: Period = ALWAYS
    ) -> tuple[SentRow, ...]:
        """Return what became of the caller's newest messages, recipient by recipient."""
        async with self._uow.read() as query:
            return await query.packages.sent(caller.system_id, kind, period=period, limit=SENT_MOST)

    async def passed_on(self, sender: Agency, recipient: Agency, name: str) -> UUID | None:
        """Return a document of one agency that was accepted for another, by its number or notation.

        A notation is looked for among the newest `NEWEST_MOST` that the sender's system sent.
        """
        async with self._uow.read() as query:
            return await query.packages.passed_on(
                sender.unit_id, recipient.unit_id, name, system_id=sender.system_id, newest=NEWEST_MOST
            )

    async def fetch(self, caller: Caller, package_id: UUID) -> tuple[Content, int]:
        """Return the bytes of a package and the lease under which they go out; then call `fetched`.

        Raises:
            Refusal: `delivery_unknown`, `delivery_not_open` (it waits for another), `delivery_ended`,
                `content_erased`.
        """
        delivery = await self._get(caller, package_id)
        if delivery.state is DeliveryState.CONFIRMED:
            # Some clients confirm first and fetch once more: nothing changes by that, it is put on record.
            return await self._replay.replay(caller, package_id), delivery.lease_token
        if delivery.state not in OPEN_STATES:
            raise Refusal("delivery_ended", params={"state": delivery.state.value})
        if delivery.state in LEASED_STATES and delivery.lease_token:
            token = delivery.lease_token
            await self._prolong(caller, package_id, token)
        else:
            token = await self._lease(caller, package_id)
        return await self._inbox.content(caller, package_id, token), token

    async def fetched(self, caller: Caller, package_id: UUID, token: int) -> None:
        """Record that the whole package was sent."""
        await self._inbox.handed_over(caller, package_id, token)

    async def take_up(self, caller: Caller, package_id: UUID) -> None:
        """Note that the caller is at work on a package that it has fetched; it stays listed.

        Raises:
            Refusal: `delivery_unknown`, `package_not_fetched`, `delivery_ended`.
        """
        delivery = await self._fetched(caller, package_id)
        if delivery.state not in OPEN_STATES:
            raise Refusal("delivery_ended", params={"state": delivery.state.value})
        async with self._uow.begin() as tx:
            await tx.packages.take_up(package_id)

    async def confirm(self, caller: Caller, package_id: UUID) -> datetime:
        """Record that the caller has a package; the same answer however often it is said.

        Raises:
            Refusal: `delivery_unknown`, `package_not_fetched`, `delivery_ended` (it ended otherwise).
        """
        delivery = await self._fetched(caller, package_id)
        return await self._inbox.confirm(caller, package_id, delivery.lease_token)

    async def refuse(self, caller: Caller, package_id: UUID, reason: str) -> datetime:
        """Give a package back for good, with a reason for its sender; raises Refusal as `confirm`."""
        delivery = await self._fetched(caller, package_id)
        token = delivery.lease_token
        if delivery.state is DeliveryState.QUEUED:
            # Its lease ran out: who fetched it may still say that it cannot be read.
            token = await self._lease(caller, package_id)
        return await self._inbox.reject(caller, package_id, token, reason.strip() or DEFAULT_REASON)

    async def _nothing_for(self, caller: Caller, name: Hashable) -> bool:
        # A poll in vain takes from the same bucket at every entrance: no dialect is a way around it.
        self._rates.before_poll(caller.system_id)
        nothing = await self._nothing_new.is_empty(caller.system_id, name)
        if nothing:
            self._rates.polled_in_vain(caller.system_id)
        return nothing

    async def _get(self, caller: Caller, package_id: UUID) -> DeliveryRecord:
        async with self._uow.read() as query:
            delivery = await query.deliveries.get(package_id)
        if delivery is None or delivery.system_id != caller.system_id:
            raise Refusal("delivery_unknown")
        return delivery

    async def _fetched(self, caller: Caller, package_id: UUID) -> DeliveryRecord:
        delivery = await self._get(caller, package_id)
        if not delivery.lease_token:
            raise Refusal("package_not_fetched")
        return delivery

    async def _lease(self, caller: Caller, package_id: UUID) -> int:
        try:
            return (await self._inbox.lease(caller, package_id, None)).token
        except Refusal as refusal:
            if refusal.code != "lease_held":
                raise
        # Another call of the same system was faster: go on under its lease.
        return (await self._get(caller, package_id)).lease_token

    async def _prolong(self, caller: Caller, package_id: UUID, token: int) -> None:
        try:
            await self._inbox.renew(caller, package_id, token, None)
        except Refusal as refusal:
            # Swept or taken anew in this moment: the content is asked for under the lease all the same, and
            # says what is the matter.
            if refusal.code != "lease_lost":
                raise
