"""Signing for systems: who may use which key, how many at a time, and a line in the log for each.

Nothing is kept. The state of a prepared signature leaves the hub sealed with the hub's own key and bound to
the system it was made for, so that any node may finish it and nobody else can.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Final

import structlog

from hub.domain.problems import HubError, Refusal
from hub.ports.secrets import SecretBox, SecretUnreadable
from hub.ports.signing import Made, Signer, SigningAction, SigningDeclined, SigningOrder, SigningUnfinished
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


class SigningService:
    """Signs, prepares and finishes for callers."""

    def __init__(
        self,
        *,
        signer: Signer,
        slots: Slots,
        box: SecretBox,
        keys: Mapping[str, frozenset[str]],
        preparers: frozenset[str],
        max_bytes: int,
    ) -> None:
        """`keys`: which systems may sign with a key; `preparers`: which may prepare and finish."""
        self._signer, self._slots, self._box = signer, slots, box
        self._keys, self._preparers = keys, preparers
        self.max_bytes = max_bytes

    def place(self, caller: Caller) -> AbstractContextManager[None]:
        """Hold one of the caller's places; raises Refusal `system_busy` or `signing_busy`."""
        return self._slots.take(caller.system_id)

    def check(self, caller: Caller, action: SigningAction, key: str = "") -> None:
        """Refuse a caller that may not do that: Refusal `signing_forbidden`."""
        name = caller.system.name
        if action is SigningAction.SIGN:
            allowed = name in self._keys.get(key, frozenset())
        else:
            allowed = bool(self._preparers & {name, EVERY_SYSTEM})
        if not allowed:
            raise Refusal("signing_forbidden")

    def check_any(self, caller: Caller, action: SigningAction) -> None:
        """Refuse, before a body is read, a caller that may do that with no key at all."""
        if action is not SigningAction.SIGN:
            self.check(caller, action)
        elif not any(caller.system.name in systems for systems in self._keys.values()):
            raise Refusal("signing_forbidden")

    async def carry_out(self, caller: Caller, order: SigningOrder) -> Made:
        """Do what the order says.

        Raises:
            Refusal: `signing_forbidden`, `signing_refused`.
            HubError: `signing_key_unusable`, `signing_unfinished`.
        """
        self.check(caller, order.action, order.key)
        context = f"signing state {caller.system_id}"
        if order.action is SigningAction.FINISH:
            order = replace(order, state=self._opened(order.state, context))
        noted = log.bind(
            system=caller.system.name, action=order.action.value, key=order.key, files=len(order.files)
        )
        try:
            made = await self._signer.sign(order)
        except SigningDeclined as declined:
            noted.warning("signing_declined", reason=declined.reason)
            if declined.of_key:
                raise HubError("signing_key_unusable", params={"reason": declined.reason}) from None
            raise SigningRefused(declined) from None
        except SigningUnfinished as error:
            noted.warning("signing_unfinished", error=str(error))
            raise HubError("signing_unfinished", retry_after=TRY_AGAIN_S) from None
        noted.info("signed", findings=made.findings)
        if not made.state:
            return made
        sealed = self._box.seal(made.state.encode("ascii"), context=context)
        return replace(made, state=base64.urlsafe_b64encode(sealed).decode("ascii"))

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
