"""The operations of the Bkav eDoc dialect, on the services that every entrance uses.

A package's `docId` is the delivery's id, the `docId` of a message sent is the document's. Lists take nothing
away: a package comes up until it was confirmed. Only what was fetched can be confirmed; confirming again
gives the same answer.
"""

from __future__ import annotations

from typing import Final

import orjson
from aiohttp import web

from adapters.bkav.answers import answered, success
from adapters.bkav.call import Call, small_body, texts_in
from adapters.entrance import Transfers, send_in_json
from adapters.packed_lists import Day, Frame, PackedLists, valid_code
from hub.domain.directory import Agency, Directory
from hub.domain.ids import normalise_code
from hub.domain.problems import Refusal
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.intake import IntakeService
from hub.services.intake_terms import Terms
from hub.services.packages import PackageService

EMPTY: Final = success(data=[])
ORGANIZATIONS: Final = "organizations"
ASKED_FOR: Final = "organId"
_BEFORE, _AFTER = success(data=["\0"]).split(b'"\\u0000"')
FRAME: Final[Frame] = (_BEFORE, _AFTER)
_HEAD, _TAIL = success(data="\0").split(b"\\u0000")


class Mail:
    """Sending, listing, fetching, confirming."""

    def __init__(self, *, packages: PackageService, intake: IntakeService, transfers: Transfers) -> None:
        self._packages = packages
        self._intake = intake
        self._transfers = transfers

    async def send(self, call: Call) -> web.Response:
        """sendDocument: the edXML file as the body; a resend of the same file gets the same docId."""
        self._transfers.refuse_declared_size(call.request)
        body = self._transfers.stream(call.request)
        submitted = await self._intake.submit(call.caller, body, terms=Terms(kind=call.kind()))
        receipt = orjson.loads(submitted.receipt)
        return answered(success(docId=str(receipt["receipt"]["receipt_id"])))

    async def pending(self, call: Call) -> web.Response:
        """getPendingDocIds: the ids of what the agency has not confirmed yet."""
        kind = call.kind()
        await small_body(call, self._transfers)
        unit_id = None if call.agency is None else call.agency.unit_id
        rows = await self._packages.waiting(call.caller, kind, unit_id=unit_id)
        return answered(success(data=[str(row.delivery_id) for row in rows]) if rows else EMPTY)

    async def get(self, call: Call) -> web.StreamResponse:
        """getDocument: a package as base64 in JSON, written as it is read."""
        package = call.package()
        await small_body(call, self._transfers)
        content, token = await self._packages.fetch(call.caller, package)
        response = await send_in_json(call.request, content, (_HEAD, _TAIL))
        await self._packages.fetched(call.caller, package, token)
        return response

    async def confirm(self, call: Call) -> web.Response:
        """confirmReceived: the agency has the package."""
        package = call.package()
        await small_body(call, self._transfers)
        await self._packages.confirm(call.caller, package)
        return answered(success(docId=str(package)))


class Organizations:
    """The directory, and whether a document was passed on between two of its units."""

    def __init__(
        self,
        *,
        packages: PackageService,
        directory: DirectorySnapshot,
        lists: PackedLists,
        transfers: Transfers,
    ) -> None:
        self._packages = packages
        self._directory = directory
        self._lists = lists
        self._transfers = transfers

    async def organizations(self, call: Call) -> web.StreamResponse:
        """getOrganizations: all units, or with `organId` of another than the caller that one."""
        await small_body(call, self._transfers)
        wanted = call.request.query.get(ASKED_FOR, "").strip()
        if wanted:
            directory = await self._directory.current()
            unit = directory.by_code(normalise_code(wanted))
            if call.agency is None or unit is None or unit.unit_id != call.agency.unit_id:
                return answered(success(data=[] if unit is None else [_shown(unit, unit.unit_id)]))
        return await self._lists.answer(call.request, ORGANIZATIONS, _organization)

    async def exists(self, call: Call) -> web.Response:
        """checkExistDocument: whether a document of this number went from one unit to another.

        Told to the systems of either of the two alone.
        """
        body = await small_body(call, self._transfers)
        sender_code, recipient_code, name = texts_in(body, "fromOrgan", "toOrgan", "docCode")
        directory = await self._directory.current()
        sender, recipient = _unit(directory, sender_code), _unit(directory, recipient_code)
        if call.caller.system_id not in {sender.system_id, recipient.system_id}:
            raise Refusal("sender_not_allowed", params={"agency": sender_code})
        found = await self._packages.passed_on(sender, recipient, name)
        if found is None:
            return answered(success(data=False))
        return answered(success(data=True, docId=str(found)))


def _unit(directory: Directory, code: str) -> Agency:
    unit = directory.by_code(normalise_code(code))
    if unit is None:
        raise Refusal("recipient_unknown", params={"agency": code})
    return unit


def _organization(unit: Agency, day: Day) -> dict[str, object] | None:
    if unit.is_retired(day.today):
        return None
    return _shown(unit, valid_code(unit, day, None) or unit.unit_id)


def _shown(unit: Agency, code: str) -> dict[str, object]:
    return {
        "organId": code,
        "name": unit.name,
        "parentId": unit.parent or "",
        "codes": [c.code for c in unit.codes],
    }
