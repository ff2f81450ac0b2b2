"""Signing for systems: who may use which key, how many at a time, and a record of each.

Of the files nothing is kept. That a key was used is: a row with who asked, which key and the digests of the
files is committed before the key is touched, and its end is committed before the answer leaves. Without a
database nothing is signed. If the process dies in between, the row says that something was begun.

The state of a prepared signature leaves the hub sealed with the hub's own key and bound to
the system it was made for, so that any node may finish it and nobody else can.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog

from hub.domain.ids import Uuid7Factory
from hub.domain.problems import HubError, Refusal
from hub.ports.secrets import SecretBox, SecretUnreadable
from hub.ports.signing import Made, Signer, SigningAction, SigningDeclined, SigningOrder, SigningUnfinished
from hub.ports.signing_records import SigningBegun, SigningEnded, SigningResult
from hub.ports.unit_of_work import UnitOfWork
from hub.services.access import Caller
from hub.services.slots import Slots

log = structlog.get_logger(__name__)

TRY_AGAIN_S: Final = 5
EVERY_SYSTEM: Final = "*"


class SigningRefused(Refusal):
    """The document or the order was refused; the sentences say why."""

    def __init__(self, declined: SigningDeclined) -> None:
        super().__init__("signing_refused", params={"reason": declined.reason})
        self.vi, self.en = declined.vi, declined.en


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRights:
    """Names of the systems that may sign with a key, by key, and of those that may prepare and finish."""

    keys: Mapping[str, frozenset[str]]
    preparers: frozenset[str]


class SigningService:
    """Signs, prepares and finishes for callers."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        ids: Uuid7Factory,
        signer: Signer,
        slots: Slots,
        box: SecretBox,
        rights: SigningRights,
        max_bytes: int,
    ) -> None:
        """`max_bytes`: most bytes of the files of one call."""
        self._uow, self._ids = uow, ids
        self._signer, self._slots, self._box = signer, slots, box
        self._rights = rights
        self.max_bytes = max_bytes

    def place(self, caller: Caller) -> AbstractContextManager[None]:
        """Hold one of the caller's places; raises Refusal `system_busy` or `signing_busy`."""
        return self._slots.take(caller.system_id)

    def check(self, caller: Caller, action: SigningAction, key: str = "") -> None:
        """Refuse a caller that may not do that: Refusal `signing_forbidden`."""
        name = caller.system.name
        if action is SigningAction.SIGN:
            allowed = name in self._rights.keys.get(key, frozenset())
        else:
            allowed = bool(self._rights.preparers & {name, EVERY_SYSTEM})
        if not allowed:
            raise Refusal("signing_forbidden")

    def check_any(self, caller: Caller, action: SigningAction) -> None:
        """Refuse, before a body is read, a caller that may do that with no key at all."""
        if action is not SigningAction.SIGN:
            self.check(caller, action)
        elif not any(caller.system.name in systems for systems in self._rights.keys.values()):
            raise Refusal("signing_forbidden")

    async def carry_out(self, caller: Caller, order: SigningOrder) -> Made:
        """Do what the order says.

        Raises:
            Refusal: `signing_forbidden`, `signing_refused`.
            HubError: `signing_key_unusable`, `signing_unfinished`.
            DatabaseUnavailable, CommitUnknown: it could not be put on record; nothing leaves the hub.
        """
        self.check(caller, order.action, order.key)
        context = f"signing state {caller.system_id}"
        if order.action is SigningAction.FINISH:
            order = replace(order, state=self._opened(order.state, context))
        begun = await self._begun(caller, order)
        noted = log.bind(
            record=str(begun.id), system=begun.system_name, action=order.action.value, key=order.key
        )
        try:
            made = await self._signer.sign(order)
        except SigningDeclined as declined:
            await self._end(begun, SigningEnded(result=SigningResult.DECLINED, reason=declined.reason))
            noted.warning("signing_declined", reason=declined.reason)
            if declined.of_key:
                raise HubError("signing_key_unusable", params={"reason": declined.reason}) from None
            raise SigningRefused(declined) from None
        except SigningUnfinished as error:
            await self._end(begun, SigningEnded(result=SigningResult.UNFINISHED, reason=error.code))
            noted.warning("signing_unfinished", error=str(error))
            raise HubError("signing_unfinished", retry_after=TRY_AGAIN_S) from None
        left = hashlib.sha256(made.to_sign).digest() if made.to_sign else await _digest(order.out)
        await self._end(begun, SigningEnded(result=SigningResult.DONE, made=left))
        noted.info("signed", files=len(order.files), findings=made.findings)
        if not made.state:
            return made
        sealed = self._box.seal(made.state.encode("ascii"), context=context)
        return replace(made, state=base64.urlsafe_b64encode(sealed).decode("ascii"))

    async def _begun(self, caller: Caller, order: SigningOrder) -> SigningBegun:
        """Put on record what is about to be done."""
        begun = SigningBegun(
            id=self._ids.new(),
            system_id=caller.system_id,
            system_name=caller.system.name,
            api_key=caller.key_id,
            action=order.action,
            key_name=order.key,
            files=tuple([await _digest(path) for _, path in order.files]),
        )
        async with self._uow.begin() as tx:
            await tx.signings.begin(begun)
        return begun

    async def _end(self, begun: SigningBegun, ended: SigningEnded) -> None:
        async with self._uow.begin() as tx:
            await tx.signings.end(begun.id, ended)

    def _opened(self, state: str, context: str) -> str:
        try:
            sealed = base64.b64decode(state, altchars=b"-_", validate=True)
            return self._box.open(sealed, context=context).decode("ascii")
        except (binascii.Error, ValueError, SecretUnreadable):
            damaged = SigningDeclined(
                "state_damaged",
                vi="Dữ liệu chuẩn bị ký bị hỏng, bị thay đổi, hoặc của hệ thống khác: hãy chuẩn bị lại.",
                en="The state of the preparation is damaged, changed, or another system's: prepare again.",
                of_key=False,
            )
            raise SigningRefused(damaged) from None


async def _digest(path: Path) -> bytes:
    def read() -> bytes:
        with path.open("rb") as file:
            return hashlib.file_digest(file, hashlib.sha256).digest()

    return await asyncio.to_thread(read)
