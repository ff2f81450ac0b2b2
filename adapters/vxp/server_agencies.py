"""registerAgency and deleteAgency: bodies are not signed in this protocol, so the channel must be bound."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from adapters.entrance import Transfers
from adapters.vxp.answers import ErrorCode, WireError, success
from adapters.vxp.server_call import Call, answered, json_object, small_body
from hub.domain.directory_orders import OrderRefused
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.sub_agencies import NewAgency, SubAgencies

NAME_MAX: Final = 500


class AgencyOperations:
    """The operations that change the directory."""

    def __init__(self, agencies: SubAgencies, directory: DirectorySnapshot, transfers: Transfers) -> None:
        self._agencies = agencies
        self._directory = directory
        self._transfers = transfers

    async def register(self, call: Call) -> web.Response:
        """registerAgency: `{id, pcode, code, name, mail, mobile, fax}`; code, name and pcode count.

        It registers and renames. Clients of a connection centre write the centre's id, which is how they call
        themselves, as the parent: where that is no agency, the new one goes below the caller's own.
        """
        said = json_object(await small_body(call, self._transfers))
        parent: str | None = _text(said, "pcode")
        if parent == call.member.name and (await self._directory.current()).by_code(parent) is None:
            parent = None
        order = NewAgency(code=_text(said, "code"), name=_text(said, "name"), parent=parent)
        try:
            await self._agencies.register(call.caller, order)
        except OrderRefused as refused:
            raise _told(refused) from None
        return answered(success())

    async def delete(self, call: Call) -> web.Response:
        """deleteAgency."""
        await small_body(call, self._transfers)
        try:
            await self._agencies.remove(call.caller, call.parameters.require("AgencyCode"))
        except OrderRefused as refused:
            raise _told(refused) from None
        return answered(success())


def _text(said: dict[str, object], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > NAME_MAX:
        raise WireError(ErrorCode.INVALID_FILE, "field_missing", f"Thieu truong {name}")
    return value.strip()


def _told(refused: OrderRefused) -> WireError:
    return WireError(ErrorCode.INVALID_FILE, refused.code, refused.vi)
