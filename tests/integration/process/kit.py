"""Who plays in these tests, what they send, and how a recipient works through its inbox."""

from __future__ import annotations

import asyncio
import base64
import itertools
import random
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, cast

import aiohttp

from adapters.simulator.client import Fetched, HubClient, Json, Problem
from adapters.simulator.dms import Letter, SimulatedDms
from hub.cli.demo.cast import COMMUNE, DEPARTMENT, DISTRICT, Role
from signing.devpki import DevPki
from tests.support.process import Home, Hub


def _department(number: int, name: str) -> Role:
    unit = replace(DEPARTMENT.unit, code=f"000.00.{number:02}.H09", name=name, notation=f"S{number:02}-VP")
    return Role(key=f"d{number}", system=f"QLVB {name}", unit=unit)


SENDERS: Final = (
    COMMUNE,
    DISTRICT,
    _department(3, "Sở Tài chính"),
    _department(4, "Sở Tư pháp"),
)
SENDER: Final = SENDERS[0]
RECIPIENT: Final = DEPARTMENT


class Letters:
    """Messages around a really signed PDF of each sender: a new number for each, no signing for each."""

    def __init__(self, pki: DevPki) -> None:
        self._numbers = itertools.count(1)
        self._dms: dict[str, SimulatedDms] = {}
        self._pdfs: dict[str, bytes] = {}
        nobody = cast(HubClient, None)  # writes, never calls
        with asyncio.Runner() as runner:
            for role in SENDERS:
                unit = role.unit
                person = pki.issue_person(unit.signer, agency_name=unit.name, title=unit.signer_title)
                dms = SimulatedDms(
                    unit, nobody, person=person, organisation=pki.issue_organisation(unit.name)
                )
                _, pdf = runner.run(dms.compose(self._letter(), now=datetime.now(UTC)))
                self._dms[role.key], self._pdfs[role.key] = dms, pdf

    def new(self, sender: Role = SENDER) -> bytes:
        """Return a message that was never sent before, from a sender to the recipient."""
        return self._dms[sender.key].message(self._letter(), self._pdfs[sender.key], now=datetime.now(UTC))

    def _letter(self) -> Letter:
        return Letter(
            number=next(self._numbers),
            subject="V/v báo cáo công tác chuyển đổi số",
            paragraphs=("Đơn vị báo cáo tình hình trong kỳ.", "Kính đề nghị quý cơ quan theo dõi."),
            to=(RECIPIENT.unit,),
        )


CONTENT: Final = re.compile(rb"(<edXML:ContentTransferEncoded[^>]*>)[^<]*")
PIECE: Final = 48 * 1024  # whole groups of three bytes


def with_noise(message: bytes, pieces: int, *, seed: int = 1) -> Iterator[bytes]:
    """The message with so many pieces of noise as its attachment, bit by bit."""
    found = CONTENT.search(message)
    assert found is not None
    yield message[: found.end(1)]
    noise = random.Random(seed)
    for _ in range(pieces):
        yield base64.b64encode(noise.randbytes(PIECE))
    yield message[found.end() :]


@asynccontextmanager
async def connected(hub: Hub, home: Home, *roles: Role) -> AsyncIterator[list[HubClient]]:
    """Give a client of each role."""
    async with aiohttp.ClientSession() as session:
        yield [HubClient(session, hub.url, home.keys[role.system]) for role in roles]


def bearer(home: Home, role: Role) -> dict[str, str]:
    """Return the header with which a role calls."""
    return {"Authorization": f"Bearer {home.keys[role.system]}"}


@dataclass(slots=True)
class Seen:
    """What the two sides have seen of one exchange."""

    receipts: list[bytes] = field(default_factory=list)
    handed_over: list[Fetched] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)

    @property
    def delivery_ids(self) -> set[str]:
        """Under how many names the recipient has seen it."""
        return {fetched.delivery_id for fetched in self.handed_over}

    @property
    def contents(self) -> set[bytes]:
        """Every content it was handed."""
        return {fetched.body for fetched in self.handed_over}


async def work_inbox(recipient: HubClient, seen: Seen, *, wait: int) -> list[Json]:
    """Lease, fetch and confirm what is offered; returns the offers."""
    offers = await recipient.inbox(wait=wait)
    for offer in offers:
        fetched = await recipient.fetch(offer["delivery_id"])
        seen.handed_over.append(fetched)
        await recipient.confirm(fetched)
        seen.confirmed.append(fetched.delivery_id)
    return offers


async def problem_of(response: aiohttp.ClientResponse) -> tuple[int, str]:
    """Return status and code of a problem document."""
    document = await response.json(content_type=None)
    return response.status, str(document.get("code"))


__all__ = [
    "CONTENT",
    "PIECE",
    "RECIPIENT",
    "SENDER",
    "SENDERS",
    "Letters",
    "Problem",
    "Seen",
    "bearer",
    "connected",
    "problem_of",
    "with_noise",
    "work_inbox",
]
