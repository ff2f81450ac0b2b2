"""A simulated vendor's system that goes through every scenario of the conformance sheet.

It proves that the sheet can be passed and that its judges see what they should; it stands for no real system.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import aiohttp

from adapters.simulator.client import Json, Problem
from adapters.simulator.dms import Letter, SimulatedDms, addressee
from adapters.simulator.echo import Behaviour, EchoRole
from schemas.edxml.model import Business, ReplacementInfo

LEASE_S: Final = 30
LARGE_PDF_BYTES: Final = 31 * 1024 * 1024
ROUND_WAIT_S: Final = 2
LOOK_S: Final = 0.5
REASON: Final = "Gửi nhầm"
Reached = Callable[[Json], bool]


class SimulatedVendor:
    """Drives one simulated system through the scenarios, against echo recipients."""

    def __init__(self, dms: SimulatedDms, roles: Mapping[Behaviour, EchoRole]) -> None:
        self._dms = dms
        self._client = dms.client
        self._roles = roles
        self._numbers = itertools.count(int(time.time()))
        self._lost_one = False

    async def send_all(self) -> None:
        """Send whatever the scenarios ask for."""
        first, body = await self._send(Behaviour.ACCEPT)
        await self._client.send(body)
        await self._conflict(first)
        await self._send(Behaviour.ACCEPT, code=self._roles[Behaviour.ACCEPT].other_code)
        await self._change(first, 2)
        await self._change(first, 3)
        await self._large()
        await self._through_a_cut()
        await self._send(Behaviour.WRONG)
        await self._with_wrong_signature()
        await self._recall(Behaviour.ACCEPT)
        await self._recall(Behaviour.RECALL)

    async def receive_once(self) -> None:
        """Take what has come, once; the first delivery only after its lease was lost."""
        for offer in await self._client.inbox(wait=ROUND_WAIT_S):
            delivery_id = offer["delivery_id"]
            if not self._lost_one and offer["kind"] == "document":
                self._lost_one = True
                await self._client.fetch(delivery_id, seconds=LEASE_S)
                await asyncio.sleep(LEASE_S + 1)
            await self._client.confirm(await self._client.fetch(delivery_id))
            if offer["status_code"] == "13":
                asked = (await self._client.document(offer["document_id"]))["refers_to"]
                await self._client.status(asked, "15", at=_now(), description="Đồng ý trả lại")

    def _letter(self, behaviour: Behaviour, *, code: str | None = None) -> Letter:
        role = self._roles[behaviour]
        subject = f"V/v thử kết nối ({behaviour.value})"
        to = addressee(code or role.code, role.name)
        return Letter(number=next(self._numbers), subject=subject, paragraphs=(subject,), to=(to,))

    async def _send(self, behaviour: Behaviour, *, code: str | None = None) -> tuple[Letter, bytes]:
        letter = self._letter(behaviour, code=code)
        _, body = await self._dms.send(letter, now=_now())
        return letter, body

    async def _conflict(self, letter: Letter) -> None:
        other = dataclasses.replace(letter, subject="V/v nội dung khác")
        try:
            await self._dms.send(other, now=_now())
        except Problem as problem:
            if problem.code != "document_conflict":
                raise

    async def _change(self, letter: Letter, doc_type: int) -> None:
        number = self._dms.document_no(letter.number, _now().astimezone().date())
        if doc_type == 2:
            business = Business(doc_type=2, document_id=number, reason="Cập nhật", paper=0)
            changed = dataclasses.replace(letter, subject="V/v bản cập nhật", business=business)
        else:
            info = ReplacementInfo(document_id=number, organ_ids=(letter.to[0].code,))
            business = Business(doc_type=3, reason="Thay thế", paper=0, replacements=(info,))
            changed = dataclasses.replace(letter, number=next(self._numbers), business=business)
        await self._dms.send(changed, now=_now())

    async def _large(self) -> None:
        letter = self._letter(Behaviour.ACCEPT)
        large = b"%PDF-1.7\n" + await asyncio.to_thread(os.urandom, LARGE_PDF_BYTES)
        await self._client.send(await asyncio.to_thread(self._dms.message, letter, large, now=_now()))

    async def _through_a_cut(self) -> None:
        body, _ = await self._dms.compose(self._letter(Behaviour.SLOW), now=_now())
        try:
            await self._client.send(body)
        except (aiohttp.ClientError, ConnectionError):
            await self._client.send(body)

    async def _with_wrong_signature(self) -> None:
        letter = self._letter(Behaviour.REFUSE)
        _, pdf = await self._dms.compose(letter, now=_now())
        # One byte of the page changes after it was signed.
        spoiled = pdf.replace(b"/Rotate 0", b"/Rotate 9", 1)
        if spoiled == pdf:
            spoiled = pdf[:20] + bytes([pdf[20] ^ 1]) + pdf[21:]
        sent = await self._client.send(self._dms.message(letter, spoiled, now=_now()))
        await self._until(sent.document_id, lambda found: found["indication"] is not None)

    async def _recall(self, behaviour: Behaviour) -> None:
        letter = self._letter(behaviour)
        sent, _ = await self._dms.send(letter, now=_now())
        await self._until(
            sent.document_id,
            lambda found: all(d["business_state"] in ("accepted", "finished") for d in found["deliveries"]),
        )
        await self._client.recall(sent.document_id, REASON, at=_now())

    async def _until(self, document_id: str, reached: Reached) -> None:
        while not reached(await self._client.document(document_id)):  # noqa: ASYNC110 (asked over HTTP)
            await asyncio.sleep(LOOK_S)


def _now() -> datetime:
    return datetime.now(UTC)
