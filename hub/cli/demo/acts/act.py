"""What acts have in common: who plays, letters with numbers of their own, waiting for what must come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, ClassVar, Final, TypeVar

import orjson
from joserfc import jws
from joserfc.jwk import KeySet

from adapters.simulator.client import Json
from adapters.simulator.dms import Letter, Received, SimulatedDms, Unit
from hub.cli.demo.cast import COMMUNE, DEPARTMENT, DISTRICT, PULLING
from hub.cli.demo.checks import Checks, StepImpossible
from hub.cli.demo.stage import Stage

WAIT_S: Final = 5
QUIET_WAIT_S: Final = 1
STEP_LIMIT_S: Final = 45.0
LOOK_EVERY_S: Final = 0.1
PARAGRAPHS: Final = (
    "Thực hiện chỉ đạo của Ủy ban nhân dân tỉnh về gửi, nhận văn bản điện tử, đơn vị báo cáo như sau.",
    "Trong kỳ, toàn bộ văn bản đi được ký số và gửi qua trục liên thông; không phát sinh văn bản giấy.",
    "Kính đề nghị quý cơ quan xem xét, cho ý kiến.",
)

T = TypeVar("T")
Step = tuple[str, Callable[[], Awaitable[None]]]

# Numbers of letters that no earlier performance in this home has used.
_NUMBERS = count(int(time.time()) % 10_000_000 * 100)


class Act:
    """A part of the performance. A subclass has a title, and steps that are played in order."""

    title: ClassVar[str]

    def __init__(self, stage: Stage, checks: Checks) -> None:
        self.stage = stage
        self.checks = checks
        self.commune = stage.system(COMMUNE)
        self.district = stage.system(DISTRICT)
        self.department = stage.system(DEPARTMENT)

    def steps(self) -> Sequence[Step]:
        """The steps: what a person reads, and what is done."""
        raise NotImplementedError

    async def perform(self, first: int) -> int:
        """Play all steps, numbered from `first`; return the number after the last."""
        print(f"\n── {self.title}", flush=True)
        number = first
        for number, (title, action) in enumerate(self.steps(), first):
            await self.checks.step(number, title, action)
        return number + 1

    # ------------------------------------------------------------------------ letters

    def letter(self, subject: str, *to: Unit, **fields: Any) -> Letter:
        """A letter with the next number; `fields` are those of Letter."""
        fields.setdefault("paragraphs", PARAGRAPHS)
        return Letter(number=next(_NUMBERS), subject=subject, to=to, **fields)

    async def written(self, sender: SimulatedDms, *letters: Letter) -> list[bytes]:
        """Write and sign letters, side by side."""
        made = await asyncio.gather(*(sender.compose(letter, now=now()) for letter in letters))
        return [body for body, _ in made]

    @staticmethod
    def amended(letter: Letter, **fields: Any) -> Letter:
        """The same letter with other fields."""
        return replace(letter, **fields)

    # ------------------------------------------------------------------------ waiting

    async def receive(
        self, dms: SimulatedDms, wanted: Callable[[Json], bool], *, limit_s: float = STEP_LIMIT_S
    ) -> Received:
        """Take what comes until something wanted is among it. Raises TimeoutError."""
        async with asyncio.timeout(limit_s):
            while True:
                for received in await dms.receive(wait=WAIT_S):
                    if wanted(received.offer):
                        return received

    async def receive_document(self, dms: SimulatedDms, document_id: str) -> Received:
        """Take what comes until this message is among it. Raises TimeoutError."""
        return await self.receive(dms, lambda offer: offer["document_id"] == document_id)

    async def receive_status(self, dms: SimulatedDms, code: str, about: str) -> Received:
        """Take what comes until a status with this code about a document's number is among it."""
        return await self.receive(
            dms,
            lambda o: o["kind"] == "status" and o["status_code"] == code and o["document_no"] == about,
        )

    async def until(self, look: Callable[[], Awaitable[T | None]]) -> T:
        """Look until there is something. Raises TimeoutError."""
        async with asyncio.timeout(STEP_LIMIT_S):
            while (found := await look()) is None:  # noqa: ASYNC110 (what is looked at is in the hub)
                await asyncio.sleep(LOOK_EVERY_S)
            return found

    async def until_document(
        self, dms: SimulatedDms, document_id: str, ready: Callable[[Json], bool]
    ) -> Json:
        """Look at a document as its sender does until it is as it should be. Raises TimeoutError."""

        async def look() -> Json | None:
            document = await dms.client.document(document_id)
            return document if ready(document) else None

        return await self.until(look)

    async def clear_inboxes(self) -> None:
        """Take what lies in the inboxes: when time is let pass, only what the act is about should be late."""
        for role in PULLING:
            while await self.stage.system(role).receive(wait=0):
                pass

    # ------------------------------------------------------------------------ proofs

    async def statements(self, dms: SimulatedDms, document_id: str, kind: str) -> list[Json]:
        """The hub's statements of a kind about a document, their seals checked."""
        keys = KeySet.import_key_set(await dms.client.keys())  # type: ignore[arg-type]
        found = [e for e in await dms.client.evidence(document_id) if e["kind"] == kind]
        return [
            orjson.loads(jws.deserialize_compact(each["jws"], keys, algorithms=["ES256"]).payload)
            for each in found
        ]

    async def kinds(self, dms: SimulatedDms, document_id: str) -> list[str]:
        """The kinds of the events in a document's timeline."""
        return [event["kind"] for event in await dms.client.timeline(document_id)]


def needed(found: T | None) -> T:
    """Return what an earlier step has brought about. Raises StepImpossible."""
    if found is None:
        raise StepImpossible("bước trước không thành")
    return found


def now() -> datetime:
    """The time as systems tell it; the hub's own clock is another."""
    return datetime.now(UTC)


def first_delivery(document: Json) -> Json:
    """The first delivery of a document."""
    delivery: Json = document["deliveries"][0]
    return delivery
