"""What a DMS says about what was delivered: receipt files, or the document taken away.

    in/<delivery id>.confirmed            the recipient has it: confirmed in its name
    in/<delivery id>.rejected             it will never take it; the reason is inside
    the .edxml gone (confirm = taken)     the recipient has it

The word is passed on to the inbox as the recipient's system, and only then are the files of the delivery
removed, the answer last: a process that dies in between finds the answer again, and to say it twice is no
error. An answer that belongs to nothing goes to `refused` with the reason.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from adapters.folder.files import FileChanged, FileInfo, read_small
from adapters.folder.handover import REASON_MOST_BYTES, reason_in
from adapters.folder.layout import CONFIRMED, DOCUMENT, NOTE, REJECTED, answered, is_answer
from adapters.folder.pickup import Pause, Place
from adapters.folder.problems import ANSWER_UNKNOWN, NOT_PLAIN, FileProblem, problem_of
from adapters.folder.refusing import refuse
from hub.domain.problems import HubError
from hub.domain.transport import LEASED_STATES, DeliveryState
from hub.ports.records import DeliveryRecord
from hub.ports.unit_of_work import UnitOfWork
from hub.services.inbox import InboxService

PAGE: Final = 200
FIRST_ID: Final = UUID(int=0)


class Answers:
    """Passes on what recipients say by files."""

    def __init__(self, inbox: InboxService, uow: UnitOfWork, *, pause: Pause) -> None:
        self._inbox = inbox
        self._uow = uow
        self._pause = pause
        self._cursors: dict[tuple[UUID, str], str] = {}
        self._handed_over: dict[UUID, UUID] = {}

    async def round(self, place: Place) -> bool:
        """Pass on a page of answers of one unit; True if there may be more at once.

        Raises FilesUnavailable, HubError (retryable), DatabaseUnavailable, CommitUnknown.
        """
        incoming = place.folders.incoming
        cursor = (place.caller.system_id, incoming)
        names = await place.files.names(
            incoming, accept=is_answer, after=self._cursors.get(cursor, ""), limit=PAGE
        )
        self._cursors[cursor] = names[-1] if len(names) == PAGE else ""
        looks = [await place.files.look(incoming, name) for name in names]
        found = [info for info in looks if info is not None]
        if any(info.name.lower().endswith(REJECTED) for info in found):
            # A reason is read only once nobody writes it any more.
            await self._pause(place.options.settle_s)
        for info in found:
            await self._pass_on(place, info)
        return len(names) == PAGE

    async def _pass_on(self, place: Place, info: FileInfo) -> None:
        if not info.plain:
            await self._refuse(place, info, NOT_PLAIN)
            return
        delivery_id = answered(info.name)
        delivery = None if delivery_id is None else await self._delivery(place, delivery_id)
        if delivery is None:
            await self._refuse(place, info, ANSWER_UNKNOWN)
            return
        try:
            settled = await self._say(place, info, delivery)
        except FileChanged:
            return
        except HubError as error:
            if error.retryable:
                raise
            if error.code != "lease_lost":  # else the delivery has just moved: to be looked at again
                await self._refuse(place, info, problem_of(error))
            return
        if settled:
            await self._tidy(place, delivery.id, info.name)

    async def _say(self, place: Place, info: FileInfo, delivery: DeliveryRecord) -> bool:
        if info.name.lower().endswith(CONFIRMED):
            await self._inbox.confirm(place.caller, delivery.id, max(delivery.lease_token, 1))
            return True
        if delivery.state is DeliveryState.QUEUED:
            return False  # the next hand-over finds the answer
        incoming = place.folders.incoming
        reason = reason_in(await read_small(place.files, incoming, info, most=REASON_MOST_BYTES))
        if delivery.state in LEASED_STATES or delivery.state is DeliveryState.REJECTED:
            await self._inbox.reject(place.caller, delivery.id, delivery.lease_token, reason)
            return True
        raise HubError("delivery_ended", params={"state": delivery.state.value})

    async def _delivery(self, place: Place, delivery_id: UUID) -> DeliveryRecord | None:
        async with self._uow.read() as query:
            delivery = await query.deliveries.get(delivery_id)
        if delivery is None or delivery.system_id != place.caller.system_id or not delivery.lease_token:
            return None  # unknown, another's, or never handed over: one answer for all three
        return delivery

    async def _tidy(self, place: Place, delivery_id: UUID, answer: str | None) -> None:
        incoming = place.folders.incoming
        for name in (f"{delivery_id}{DOCUMENT}", f"{delivery_id}{NOTE}"):
            await place.files.remove(incoming, name)
        if answer is not None:
            await place.files.remove(incoming, answer)

    async def _refuse(self, place: Place, info: FileInfo, problem: FileProblem) -> None:
        await refuse(
            place.files,
            place.folders,
            folder=place.folders.incoming,
            info=info,
            problem=problem,
            system_id=place.caller.system_id,
        )

    async def taken(self, places: dict[str, Place]) -> bool:
        """Confirm what was taken out of `in`, a page of it; True if there may be more at once.

        Only for systems whose DMS says it that way; the root's mark must have been seen in this round.
        """
        if not places:
            return False
        system_id = next(iter(places.values())).caller.system_id
        after = self._handed_over.get(system_id, FIRST_ID)
        async with self._uow.read() as query:
            page = await query.folders.handed_over(system_id, after=after, limit=PAGE)
        self._handed_over[system_id] = page[-1].delivery_id if len(page) == PAGE else FIRST_ID
        for row in page:
            place = places.get(row.unit_id)
            if place is None:
                continue
            stem = str(row.delivery_id)
            names = (stem + DOCUMENT, stem + CONFIRMED, stem + REJECTED)
            looks = [await place.files.look(place.folders.incoming, name) for name in names]
            if any(look is not None for look in looks):
                continue
            try:
                await self._inbox.confirm(place.caller, row.delivery_id, max(row.lease_token, 1))
            except HubError as error:
                if error.retryable:
                    raise
                continue  # it has ended another way meanwhile
            await self._tidy(place, row.delivery_id, None)
        return len(page) == PAGE
