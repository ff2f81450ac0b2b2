"""The directory over the client API: three lists, made once for each directory and day, kept compressed.

`code` is what a unit is addressed by today; beside it stands its code of the other scheme, so that either
finds it. [national format, 2 and 3.2]
"""

from __future__ import annotations

from aiohttp import web

from adapters.entrance import Transfers
from adapters.packed_lists import Day, PackedLists, Row, valid_code
from adapters.vxp.answers import success
from adapters.vxp.operations import OperationName
from adapters.vxp.server_call import Call, small_body
from hub.domain.directory import Agency, CodeScheme, UnitState
from hub.ports.unit_of_work import UnitOfWork
from hub.services.directory_snapshot import DirectorySnapshot

_HEAD, _TAIL = success(data=["\0"]).split(b'"\\u0000"')


class DirectoryLists:
    """Makes and keeps the lists."""

    def __init__(
        self, *, uow: UnitOfWork, directory: DirectorySnapshot, transfers: Transfers, hub_code: str
    ) -> None:
        self._transfers = transfers
        self._lists = PackedLists(uow=uow, directory=directory, frame=(_HEAD, _TAIL), hub_code=hub_code)

    async def agencies(self, call: Call) -> web.StreamResponse:
        """getAgenciesList."""
        return await self._answer(call, OperationName.AGENCIES, _agency)

    async def agencies_qd20(self, call: Call) -> web.StreamResponse:
        """getAgenciesListQD20: the newer code in front, the older beside it."""
        return await self._answer(call, OperationName.AGENCIES_QD20, _agency_qd20)

    async def units(self, call: Call) -> web.StreamResponse:
        """getSynchronizeUnit: retired units too, marked as deleted."""
        return await self._answer(call, OperationName.UNITS, _unit)

    async def _answer(self, call: Call, name: OperationName, row: Row) -> web.StreamResponse:
        await small_body(call, self._transfers)
        return await self._lists.answer(call.request, name, row)


def _agency(unit: Agency, day: Day) -> dict[str, object] | None:
    if unit.is_retired(day.today):
        return None
    code = valid_code(unit, day, None) or unit.unit_id
    other = next(
        (c.code for c in reversed(unit.codes) if c.code != code),
        "",
    )
    return {
        "id": unit.unit_id,
        "pid": unit.parent or "",
        "code": code,
        "name": unit.name,
        "mail": "",
        "oldCode": other,
    }


def _agency_qd20(unit: Agency, day: Day) -> dict[str, object] | None:
    if unit.is_retired(day.today):
        return None
    old = valid_code(unit, day, CodeScheme.QCVN102)
    code = valid_code(unit, day, CodeScheme.QD20) or (unit.unit_id if old is None else old)
    return {
        "id": unit.unit_id,
        "code": code,
        "name": unit.name,
        "mail": "",
        "code102": old or "",
    }


def _unit(unit: Agency, day: Day) -> dict[str, object]:
    return {
        "id": unit.unit_id,
        "pid": unit.parent or "",
        "code": valid_code(unit, day, None) or unit.unit_id,
        "name": unit.name,
        "mail": "",
        "version": day.version,
        "centerCode": day.hub_code,
        "deleted": unit.is_retired(day.today),
        "modifyDate": "" if unit.retired_on is None else f"{unit.retired_on:%d/%m/%Y}",
        "isAgency": unit.state is not UnitState.RETIRED,
    }
