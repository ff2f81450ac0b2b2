"""Packages over the client API: lists, counts, fetching both ways, what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from aiohttp import web

from adapters.entrance import Transfers, send_in_json, send_whole
from adapters.vxp.answers import ErrorCode, WireError, success
from adapters.vxp.operations import PackageState as Wire
from adapters.vxp.server_call import Call, answered, small_body
from adapters.vxp.signing import DOC_ID, DOC_ID_LOWER
from adapters.vxp.stamps import read_listed, write_listed
from hub.domain.problems import Refusal
from hub.domain.submission import MessageKind
from hub.ports.packages import PackageRow, Period, SentRow
from hub.services.packages import PackageService, PackageState, state_of

SERVICE_TYPE: Final = "eDoc"
EMPTY_LIST: Final = success(data=[])
NO_COUNT: Final = success(count=0)
_HEAD, _TAIL = success(data="\0").split(b"\\u0000")
_TYPES: Final = {MessageKind.DOCUMENT: "edoc", MessageKind.STATUS: "status"}
_STATES: Final = {
    PackageState.NEW: (Wire.INITIAL, "Chưa xử lý"),
    PackageState.TAKEN_UP: (Wire.PROCESSING, "Đang xử lý"),
    PackageState.CONFIRMED: (Wire.DONE, "Đã nhận"),
    PackageState.REFUSED: (Wire.FAIL, "Bên nhận báo lỗi hoặc từ chối"),
    PackageState.NOT_DELIVERED: (Wire.FAIL, "Không chuyển được"),
}


class MailOperations:
    """The operations on packages."""

    def __init__(self, packages: PackageService, transfers: Transfers) -> None:
        self._packages = packages
        self._transfers = transfers

    async def received_list(self, call: Call) -> web.Response:
        """getReceivedEdocList: what the caller has not confirmed yet, whatever dates it names.

        A package may come up long after it was accepted: a window of time would hide it for good.
        """
        kind = call.kind()
        await small_body(call, self._transfers)
        rows = await self._packages.waiting(call.caller, kind)
        return answered(success(data=[_received(row) for row in rows]) if rows else EMPTY_LIST)

    async def sent_list(self, call: Call) -> web.Response:
        """getSentEdocList: what became of the caller's messages, recipient by recipient."""
        kind = call.kind()
        await small_body(call, self._transfers)
        rows = await self._packages.sent(call.caller, kind, period=_period(call))
        return answered(success(data=[_sent(row) for row in rows]) if rows else EMPTY_LIST)

    async def count_documents(self, call: Call) -> web.Response:
        """countReceiveEdoc."""
        return await self._count(call, MessageKind.DOCUMENT)

    async def count_statuses(self, call: Call) -> web.Response:
        """countReceiveStatus."""
        return await self._count(call, MessageKind.STATUS)

    async def _count(self, call: Call, kind: MessageKind) -> web.Response:
        await small_body(call, self._transfers)
        number = await self._packages.count(call.caller, kind)
        return answered(success(count=number) if number else NO_COUNT)

    async def get(self, call: Call) -> web.StreamResponse:
        """getEdoc: a package as base64 in JSON, written as it is read."""
        await small_body(call, self._transfers)
        package_id = package_of(call, DOC_ID)
        content, token = await self._packages.fetch(call.caller, package_id)
        response = await send_in_json(call.request, content, (_HEAD, _TAIL))
        await self._packages.fetched(call.caller, package_id, token)
        return response

    async def download(self, call: Call) -> web.StreamResponse:
        """downloadEdoc: a package as it is."""
        package_id = package_of(call, DOC_ID)
        content, token = await self._packages.fetch(call.caller, package_id)
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        response.content_length = content.size
        await send_whole(call.request, response, content.chunks)
        await self._packages.fetched(call.caller, package_id, token)
        return response

    async def update_status(self, call: Call) -> web.Response:
        """updateStatus: what became of a package that the caller has fetched."""
        await small_body(call, self._transfers)
        package_id = package_of(call, DOC_ID_LOWER)
        match call.parameters.require("status").lower():
            case Wire.DONE:
                await self._packages.confirm(call.caller, package_id)
            case Wire.FAIL:
                reason = call.parameters.get("description") or ""
                await self._packages.refuse(call.caller, package_id, reason)
            case Wire.PROCESSING:
                await self._packages.take_up(call.caller, package_id)
            case _:
                raise WireError(
                    ErrorCode.INVALID_FILE, "package_state", "status phai la done, fail hoac processing"
                )
        return answered(success())


def package_of(call: Call, prefer: str) -> UUID:
    """Return the package that a call names; one that cannot be an id is as unknown as any other."""
    try:
        return UUID(call.parameters.document_id(prefer))
    except ValueError:
        raise Refusal("delivery_unknown") from None


def _period(call: Call) -> Period:
    return Period(begin=_moment(call, "fromDate"), end=_moment(call, "toDate"))


def _moment(call: Call, name: str) -> datetime | None:
    # Nobody has published the form of these: one that cannot be read limits nothing.
    return read_listed(call.parameters.get(name) or "")


def _received(row: PackageRow) -> dict[str, str]:
    state, text = _STATES[state_of(row)]
    return {
        "docId": str(row.delivery_id),
        "serviceType": SERVICE_TYPE,
        "messageType": _TYPES[row.kind],
        "created_time": write_listed(row.created_at),
        "updated_time": write_listed(row.changed_at),
        "from": row.from_code,
        "to": row.to_code,
        "status": state.value,
        "status_desc": text,
    }


def _sent(row: SentRow) -> dict[str, str]:
    state, text = _STATES[state_of(row)]
    reached = row.delivery_id is not None
    return {
        "serviceType": SERVICE_TYPE,
        "messageType": _TYPES[row.kind],
        "senderDocId": str(row.document_id),
        "receiverDocId": str(row.delivery_id) if reached else "",
        "fromCode": row.from_code,
        "toCode": row.to_code,
        "title": row.title,
        "notation": row.notation,
        "sentTime": write_listed(row.sent_at),
        "receivedTime": "" if row.received_at is None else write_listed(row.received_at),
        "sendStatus": (Wire.DONE if reached else Wire.FAIL).value,
        "sendStatusDesc": "Đã gửi" if reached else "Không có nơi nhận",
        "receiveStatus": state.value,
        "receiveStatusDesc": text,
    }
