"""sendEdoc: a message in, streamed, its digest checked before anything is accepted.

The body is the edXML file and a line end that belongs to it only if the digest says so. It goes to intake as
it comes; where its digest does not fit, intake ends before anything was written. A resend of the same message
gets the same DocId, which is the receipt's id.

`to` names those recipients of the message for whom this call is; see `hub.services.intake_terms`. It counts
for documents alone: a client object that has sent a document with `to` keeps on sending that parameter, with
every status too. A system that sets it once and not with each document is set to `ignore`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

import orjson
from aiohttp import web

from adapters.entrance import Transfers
from adapters.vxp.answers import ErrorCode, WireError, success
from adapters.vxp.digests import checked_document
from adapters.vxp.server_call import Call, answered
from hub.domain.directory import may_speak_for
from hub.domain.ids import normalise_code
from hub.domain.problems import Refusal
from hub.domain.submission import MessageKind
from hub.ports.unit_of_work import UnitOfWork
from hub.services.directory_admin import today
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.intake import IntakeService
from hub.services.intake_terms import Terms

RECIPIENTS_MOST: Final = 2_000
TO_SETTING: Final = "to"
IGNORE: Final = "ignore"
_NOBODY_NAMED: Final = frozenset({"", '""'})
# A client object writes `to` as JSON: an empty text is how it takes back what it named before.


class SendOperation:
    """The operation that takes messages in."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        intake: IntakeService,
        directory: DirectorySnapshot,
        transfers: Transfers,
    ) -> None:
        self._uow = uow
        self._intake = intake
        self._directory = directory
        self._transfers = transfers

    async def send(self, call: Call) -> web.Response:
        """sendEdoc."""
        self._transfers.refuse_declared_size(call.request)
        kind = call.kind()
        hash_file = call.parameters.require("hash-file")
        await self._refuse_foreign_sender(call)
        terms = Terms(kind=kind, only=_only(call) if kind is MessageKind.DOCUMENT else None)
        body = _document(self._transfers.stream(call.request), hash_file)
        submitted = await self._intake.submit(call.caller, body, terms=terms)
        receipt = orjson.loads(submitted.receipt)
        return answered(success(DocId=str(receipt["receipt"]["receipt_id"])))

    async def _refuse_foreign_sender(self, call: Call) -> None:
        # The message's own From is judged by intake; this is what the call says about it.
        sender = call.parameters.get("from")
        if sender is not None and normalise_code(sender) == normalise_code(call.member.name):
            return
        directory = await self._directory.current()
        async with self._uow.read() as query:
            day = await today(query)
        if sender is None or not may_speak_for(
            directory, call.caller.system_id, sender, day, about_received=True
        ):
            raise WireError(
                ErrorCode.UNREGISTERED_SENDER,
                "from_not_registered",
                f"Don vi gui {sender or ''} khong dung voi ma da dang ky: {call.member.name}",
            )


async def _document(chunks: AsyncIterator[bytes], hash_file: str) -> AsyncIterator[bytes]:
    try:
        async for chunk in checked_document(chunks, hash_file):
            yield chunk
    except WireError:
        raise Refusal("digest_mismatch") from None


def _only(call: Call) -> tuple[str, ...] | None:
    text = call.parameters.get("to")
    if text is None or text.strip() in _NOBODY_NAMED or call.member.settings.get(TO_SETTING) == IGNORE:
        return None
    codes = _list_in(text)
    if not codes or len(codes) > RECIPIENTS_MOST:
        raise WireError(
            ErrorCode.UNKNOWN_RECIPIENT, "to_not_a_list", "Tham so to phai la mang JSON cac ma don vi nhan"
        )
    return codes


def _list_in(text: str) -> tuple[str, ...]:
    # Clients write a JSON array, or a JSON string that holds one.
    try:
        found = json.loads(text)
        if isinstance(found, str):
            found = json.loads(found)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(found, list) or not all(isinstance(code, str) and code.strip() for code in found):
        return ()
    return tuple(found)
