"""Echo recipients of the sandbox: each answers all that it is sent in one way, for vendors to try theirs.

accept   says 01, 03 and 06, and agrees (15) to recalls and changes
refuse   says 02
recall   says 01 and 03, declines (16) to give back; sends a letter of its own and asks for it back (13)
slow     says 03 first and 01 afterwards
wrong    says 01 and sends back a letter that nobody has signed, its file no PDF

They know the hub by its REST interface alone. What they answer is made up: they have no place among real
recipients, and every name says so.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog

from adapters.simulator.client import HubClient, Json, Problem
from adapters.simulator.dms import Letter, SimulatedDms, Unit, addressee

log = structlog.get_logger(__name__)

MARK: Final = "[THỬ NGHIỆM]"
REFUSAL: Final = "Thử nghiệm: nơi nhận này từ chối mọi văn bản"
DECLINED: Final = "Thử nghiệm: nơi nhận này không trả lại văn bản"
RECALLED: Final = "Thử nghiệm: lấy lại văn bản vừa gửi"
AGREED: Final = "Thử nghiệm: đồng ý"
NOT_A_PDF: Final = b"Day khong phai la tep PDF.\n"
RECALL_CODE: Final = "13"


class Behaviour(StrEnum):
    """How an echo recipient answers."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    RECALL = "recall"
    SLOW = "slow"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoRole:
    """An echo recipient: how it behaves, its code, a second code where it has one, its name."""

    behaviour: Behaviour
    code: str
    other_code: str | None
    name: str

    @property
    def system(self) -> str:
        """The name of its system."""
        return f"sandbox-{self.behaviour.value}"


_NAMES: Final = {
    Behaviour.ACCEPT: "Đơn vị luôn tiếp nhận",
    Behaviour.REFUSE: "Đơn vị luôn từ chối",
    Behaviour.RECALL: "Đơn vị hay lấy lại",
    Behaviour.SLOW: "Đơn vị trả lời lộn thứ tự",
    Behaviour.WRONG: "Đơn vị gửi tệp sai",
}


def roles(suffix: str) -> tuple[EchoRole, ...]:
    """Return the echo recipients of a province; the first has a code of both schemes."""
    return tuple(
        EchoRole(
            behaviour=behaviour,
            code=f"000.00.T{number}.{suffix}",
            other_code=f"{suffix}.T{number}" if behaviour is Behaviour.ACCEPT else None,
            name=f"{MARK} {_NAMES[behaviour]}",
        )
        for number, behaviour in enumerate(Behaviour, 1)
    )


class EchoAgency:
    """One echo recipient at work."""

    def __init__(self, role: EchoRole, client: HubClient) -> None:
        self._role = role
        self._client = client
        unit = Unit(
            code=role.code,
            name=role.name,
            notation="THU",
            place="Thử nghiệm",
            governing_body=None,
            signer="Máy Thử Nghiệm",
            signer_title="THỬ NGHIỆM",
            authority=None,
        )
        self._dms = SimulatedDms(unit, client, person=None, organisation=None)
        self._numbers = itertools.count(int(time.time() * 1000))
        self._to_recall: list[str] = []

    async def once(self, *, wait: int = 0) -> int:
        """Answer what has come, waiting for it up to so many seconds; return how much it was."""
        offers = await self._client.inbox(wait=wait)
        for offer in offers:
            fetched = await self._client.fetch(offer["delivery_id"])
            await self._client.confirm(fetched)
            try:
                await self._answer(offer)
            except Problem as problem:
                # A status may have become pointless in the meantime; the next message is another matter.
                log.info("echo_answer_refused", behaviour=self._role.behaviour.value, code=problem.code)
        await self._ask_back()
        return len(offers)

    async def _answer(self, offer: Json) -> None:
        if offer["kind"] == "status":
            if offer["status_code"] == RECALL_CODE:
                await self._answer_recall(offer)
            return
        match self._role.behaviour:
            case Behaviour.ACCEPT:
                await self._say(offer, ("01", "03"))
                if offer["doc_type"]:
                    await self._say(offer, ("15",), AGREED)
                else:
                    await self._say(offer, ("06",))
            case Behaviour.REFUSE:
                await self._say(offer, ("02",), REFUSAL)
            case Behaviour.RECALL:
                await self._say(offer, ("01", "03"))
                self._to_recall.append(await self._write_back(offer, "V/v văn bản sẽ được lấy lại"))
            case Behaviour.SLOW:
                await self._say(offer, ("03", "01"))
            case Behaviour.WRONG:
                await self._say(offer, ("01",))
                await self._write_back(offer, "V/v văn bản không ký, tệp sai định dạng")

    async def _answer_recall(self, offer: Json) -> None:
        about = await self._about(offer)
        if about is None:
            return
        declines = self._role.behaviour is Behaviour.RECALL
        text = DECLINED if declines else AGREED
        await self._client.status(about, "16" if declines else "15", at=_now(), description=text)

    async def _about(self, offer: Json) -> str | None:
        found = await self._client.document(offer["document_id"])
        refers_to: str | None = found["refers_to"]
        return refers_to

    async def _say(self, offer: Json, codes: Sequence[str], text: str = "") -> None:
        for place, code in enumerate(codes):
            at = _now() + timedelta(seconds=place)
            await self._client.status(offer["document_id"], code, at=at, description=text, staff="Máy thử")

    async def _write_back(self, offer: Json, subject: str) -> str:
        letter = Letter(
            number=next(self._numbers),
            subject=subject,
            paragraphs=(subject,),
            to=(addressee(offer["from_code"], offer["from_name"]),),
            reply_to=offer,
        )
        sent = await self._client.send(self._dms.message(letter, NOT_A_PDF, now=_now()))
        return sent.document_id

    async def _ask_back(self) -> None:
        for document_id in tuple(self._to_recall):
            deliveries = (await self._client.document(document_id))["deliveries"]
            if deliveries and all(each["state"] == "confirmed" for each in deliveries):
                self._to_recall.remove(document_id)
                await self._client.recall(document_id, RECALLED, at=_now())


def _now() -> datetime:
    return datetime.now(UTC)
