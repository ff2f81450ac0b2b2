"""The exit to the national exchange: one `sendEdoc` for a document, with all its outside recipients in `to`.

The exchange's DocId is the proof of hand-over and kept as the reference. After a lost answer the same bytes
go again: the exchange knows them and gives the same DocId, so nothing is doubled. What it refuses for good
(no such recipient, locked, no edXML) ends the delivery with its code as evidence; everything else is tried
again until the deadline. [national format, 3.2, 3.4; design section 4]
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from typing import Final
from uuid import UUID

from adapters.vxp.client import Upload, VxpClient
from adapters.vxp.endpoint import SECRET, ClientLimits, check, endpoint_of
from adapters.vxp.wire import ErrorCode
from hub.domain.adapters import NATIONAL
from hub.domain.submission import MessageKind
from hub.ports.exits import Delivered, Exit, Failed, Outcome, Parcel, Rejected, SettingProblem
from hub.ports.national import ExchangeError, ExchangeRefused, MessageType
from hub.ports.records import SystemRecord

# Notes under which id the exchange has taken deliveries of a system; raises nothing.
Keeper = Callable[[UUID, str, Collection[UUID]], Awaitable[None]]

# Refusals that no repetition changes.
FINAL: Final = frozenset(
    {
        ErrorCode.INVALID_FILE,
        ErrorCode.UNKNOWN_RECIPIENT,
        ErrorCode.WRONG_EDXML,
        ErrorCode.LOCKED_RECIPIENT,
    }
)
# Refusals that say nothing about the exchange's health.
OURS: Final = frozenset({ErrorCode.UNREGISTERED_SENDER, ErrorCode.FILE_PROCESSING})


class NationalExit:
    """Implements `Exit`; `exchange` is the same session for the poller."""

    groups_recipients: bool = True

    def __init__(self, client: VxpClient, *, system_id: UUID, keeper: Keeper) -> None:
        self.exchange = client
        self._system_id = system_id
        self._keeper = keeper

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Send a document to all its outside recipients."""
        if not parcel.content.is_rendition:
            # Only the strict dialect with our hop may leave the province.
            return Failed(code="rendition_missing", peer_fault=False)
        content = _Watched(parcel)
        try:
            reference = await self.exchange.send(
                Upload(
                    from_code=parcel.document.from_code,
                    to_codes=tuple(dict.fromkeys(code for codes in parcel.addressed_as for code in codes)),
                    kind=_kind(parcel.document.kind),
                    sha256=parcel.content.sha256,
                    size=parcel.content.size,
                    open=content.open,
                )
            )
        except ExchangeRefused as refused:
            return _refusal(refused)
        except ExchangeError as error:
            if content.error is not None:
                return Failed(code="content_unreadable", text=content.error, peer_fault=False)
            return Failed(code=f"national_{error.code}", text=error.text)
        except ValueError:
            return Rejected(code="national_address", text="a code of sender or recipient is not ASCII")
        await self._keeper(self._system_id, reference, parcel.delivery_ids)
        return Delivered(confirmed=True, reference=reference)

    async def probe(self) -> Failed | None:
        """Ask for the list of statuses: changes nothing."""
        try:
            await self.exchange.received(MessageType.STATUS, since=None)
        except ExchangeError as error:
            return Failed(code=f"national_{error.code}", text=error.text)
        return None

    async def close(self) -> None:
        """Let go of connections."""
        await self.exchange.close()


class NationalKind:
    """Implements `ExitKind` for adapter `national`."""

    name: str = NATIONAL
    secret_names: tuple[str, ...] = (SECRET,)

    def __init__(self, keeper: Keeper, limits: ClientLimits | None = None) -> None:
        self._keeper = keeper
        self._limits = limits or ClientLimits()

    def check(self, settings: Mapping[str, str]) -> tuple[SettingProblem, ...]:
        """Say what is wrong with settings before they are stored."""
        return check(settings)

    def open(
        self,
        system: SystemRecord,
        settings: Mapping[str, str],
        secrets: Mapping[str, tuple[bytes, ...]],
    ) -> Exit:
        """Build the exit. Raises ValueError with the name of a setting or secret."""
        client = VxpClient(endpoint_of(settings, secrets), limits=self._limits)
        return NationalExit(client, system_id=system.id, keeper=self._keeper)


class _Watched:
    """Remembers that it was the stored bytes that broke off, and not the peer."""

    def __init__(self, parcel: Parcel) -> None:
        self._parcel = parcel
        self.error: str | None = None

    async def open(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._parcel.content.open():
                yield chunk
        except Exception as error:
            self.error = type(error).__name__
            raise


def _kind(kind: MessageKind) -> MessageType:
    return MessageType.STATUS if kind is MessageKind.STATUS else MessageType.DOCUMENT


def _refusal(refused: ExchangeRefused) -> Outcome:
    code = f"national_{refused.code}"
    if refused.code in FINAL:
        return Rejected(code=code, text=refused.text)
    return Failed(code=code, text=refused.text, peer_fault=refused.code not in OURS)
