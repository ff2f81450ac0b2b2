"""Agencies that a connected system adds to the directory and takes out again, by right of their parent.

A system may add a unit below an agency that it speaks for, and speaks for the new unit from then on; said
again with another name, the unit gets that name. It may retire such a unit again, and what is addressed to it
goes to the parent; a unit that it has retired itself it may add again. Codes outside the province belong to
others and cannot be taken. Every change is a directory order like an administrator's: planned, checked by
the rules of the directory, kept in its history under the system's name.

The calls for this are not signed as a whole by all clients, so the channel must be bound: a system without a
client certificate or source network among its settings may not do it. [NĐ 30/2020; design section 2.11]
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hub.domain.directory import Agency, Directory, Level, UnitState
from hub.domain.directory_orders import AddUnit, OrderRefused, Rename, Reopen, Retire
from hub.domain.ids import normalise_code
from hub.domain.problems import Refusal
from hub.ports.unit_of_work import UnitOfWork
from hub.services.access import Caller
from hub.services.directory_admin import DirectoryAdmin, today
from hub.services.directory_snapshot import DirectorySnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAgency:
    """An agency to be added below `parent`; None: below the one agency at the top of the caller's own."""

    code: str
    name: str
    parent: str | None


class SubAgencies:
    """Adds and retires agencies in the name of the system that speaks for their parent."""

    def __init__(self, *, uow: UnitOfWork, admin: DirectoryAdmin, directory: DirectorySnapshot) -> None:
        self._uow = uow
        self._admin = admin
        self._directory = directory

    async def register(self, caller: Caller, order: NewAgency) -> str:
        """Add an agency, or give it another name, and let the caller speak for it; return its canonical code.

        Said again, it is done already: also after a crash between the steps.

        Raises:
            Refusal: `channel_not_bound`, `sender_not_allowed` (the parent is not the caller's, or the code is
                somebody else's), `bad_request` (a code outside the province).
            OrderRefused: the directory's own rules; `agency_retired`, what somebody else has ended is not
                begun again.
        """
        _bound(caller)
        directory = await self._directory.renewed()
        parent = _top(directory, caller) if order.parent is None else _own(directory, caller, order.parent)
        code = normalise_code(order.code)
        if not directory.is_of_province(code):
            raise Refusal("bad_request", params={"field": "code"})
        unit = directory.by_code(code)
        if unit is None:
            new = AddUnit(code=code, name=order.name, level=Level.UNIT, parent=parent.unit_id)
            unit = (await self._admin.carry_out(new, by=_by(caller))).by_code(code)
            assert unit is not None  # it was just added
        if unit.parent != parent.unit_id or unit.system_id not in {None, caller.system_id}:
            raise Refusal("sender_not_allowed", params={"agency": code})
        if unit.is_retired(await self._today()):
            if not await self._ended_by(caller, unit):
                raise OrderRefused("agency_retired", code=code)
            await self._admin.carry_out(Reopen(code=unit.unit_id), by=_by(caller))
        if unit.name != " ".join(order.name.split()):
            await self._admin.carry_out(Rename(code=unit.unit_id, name=order.name), by=_by(caller))
        async with self._uow.begin() as tx:
            await self._admin.assign(tx, unit, caller.system_id, by=_by(caller))
        await self._directory.renewed()
        return unit.unit_id

    async def remove(self, caller: Caller, code: str) -> None:
        """Retire an agency below one of the caller's; said again, it is done already.

        Raises:
            Refusal: `channel_not_bound`, `recipient_unknown` (no such agency), `sender_not_allowed`.
            OrderRefused: the directory's own rules.
        """
        _bound(caller)
        directory = await self._directory.renewed()
        unit = directory.by_code(normalise_code(code))
        if unit is None:
            raise Refusal("recipient_unknown", params={"agency": code})
        if unit.system_id != caller.system_id or unit.parent is None:
            raise Refusal("sender_not_allowed", params={"agency": code})
        parent = _own(directory, caller, unit.parent)
        day = await self._today()
        if unit.is_retired(day):
            return
        ended = Retire(codes=(unit.unit_id,), successors=(parent.unit_id,), on=day)
        await self._admin.carry_out(ended, by=_by(caller))
        await self._directory.renewed()

    async def _ended_by(self, caller: Caller, unit: Agency) -> bool:
        # A merger that an administrator has ordered is not for a system to undo.
        ends = (
            change.by
            for change in await self._admin.history(unit.unit_id)
            if change.unit.after is not None and change.unit.after.state is UnitState.RETIRED
        )
        return next(ends, None) == _by(caller)

    async def _today(self) -> date:
        async with self._uow.read() as query:
            return await today(query)


def _bound(caller: Caller) -> None:
    if not caller.system.binding:
        raise Refusal("channel_not_bound")


def _own(directory: Directory, caller: Caller, code: str) -> Agency:
    unit = directory.by_code(normalise_code(code))
    if unit is None or unit.system_id != caller.system_id:
        raise Refusal("sender_not_allowed", params={"agency": code})
    return unit


def _top(directory: Directory, caller: Caller) -> Agency:
    own = {unit.unit_id: unit for unit in directory if unit.system_id == caller.system_id}
    tops = [unit for unit in own.values() if unit.parent not in own]
    if len(tops) != 1:
        raise Refusal("sender_not_allowed", params={"agency": caller.system.name})
    return tops[0]


def _by(caller: Caller) -> str:
    return f"system {caller.system.name}"
