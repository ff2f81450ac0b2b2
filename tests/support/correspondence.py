"""A correspondence of many letters between a province and ministries, and what must have come of each.

Everybody acts as a DMS does: takes what is in its inbox, answers each letter with statuses, asks letters back
and sends updates when the time has come. Nobody knows of faults; what must be true at the end follows from
the plan of each letter alone.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO
from typing import Final

from lxml import etree

from tests.support.hub import B_SECOND, A, B, Peer
from tests.support.messages import letter, number_of, status, update
from tests.support.national import MINISTRY, MINISTRY_NEW, OFFICE, Nation

NAMESPACE: Final = {"e": "http://www.mic.gov.vn/TBT/QCVN_102_2016"}
OURS: Final = (A, B, B_SECOND)
THEIRS: Final = (MINISTRY, OFFICE)
DAY_START: Final = "2026/11/02"


class Course(StrEnum):
    """What happens to a letter at each of its recipients."""

    FINISHED = "finished"
    REFUSED = "refused"
    RECALLED = "recalled"
    RECALL_DECLINED = "recall_declined"
    UPDATED = "updated"


END: Final = {
    Course.FINISHED: "finished",
    Course.REFUSED: "refused",
    Course.RECALLED: "recalled",
    Course.RECALL_DECLINED: "finished",
    Course.UPDATED: "finished",
}
SHARES: Final = (
    *((Course.FINISHED,) * 6),
    Course.REFUSED,
    Course.RECALLED,
    Course.RECALL_DECLINED,
    Course.UPDATED,
)


@dataclass
class Letter:
    """One letter by plan: from whom, to which units, and its course."""

    sender: str
    number: int
    to: tuple[str, ...]
    course: Course
    asked: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The document id."""
        return number_of(self.sender, self.number)

    def addresses(self) -> list[str]:
        """Its To elements: a ministry is addressed by both of its codes now and then."""
        codes = list(self.to)
        if MINISTRY in codes and self.number % 5 == 0:
            codes.append(MINISTRY_NEW)
        return codes


@dataclass
class Correspondence:
    """All letters, and what has come to whom."""

    nation: Nation
    letters: dict[str, Letter]
    received: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    statuses: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    clock: int = 0

    @classmethod
    def planned(cls, nation: Nation, count: int, seed: int) -> Correspondence:
        """Plan letters in both directions."""
        chance = random.Random(seed)
        letters = {}
        for number in range(1, count + 1):
            outward = number % 2 == 0
            sender = chance.choice((A, B) if outward else THEIRS)
            there, here = (THEIRS, OURS) if outward else (OURS, THEIRS)
            to = chance.sample(there, chance.randint(1, len(there)))
            if chance.random() < 0.3:
                to += [code for code in here if code != sender][:1]
            made = Letter(sender, number, tuple(to), chance.choice(SHARES))
            letters[made.name] = made
        return cls(nation, letters)

    async def send(self, some: list[Letter]) -> None:
        """Let senders send."""
        for each in some:
            body = letter(each.sender, each.addresses(), number=each.number, subject=f"V/v số {each.number}")
            await self.nation.peers[each.sender].accepted(body)

    async def work(self) -> int:
        """Let everybody take and answer what has come; return how much that was."""
        taken = 0
        for peer in {peer.name: peer for peer in self.nation.peers.values()}.values():
            for offer in await peer.inbox():
                fetched = await peer.take(str(offer["delivery_id"]))
                taken += 1
                await self._react(peer, str(offer["unit"]), fetched.raw)
        return taken

    async def _react(self, peer: Peer, unit: str, body: bytes) -> None:
        root = etree.parse(BytesIO(_clean(body))).getroot()
        code = root.findtext(".//e:StatusCode", namespaces=NAMESPACE)
        if code is None:
            await self._got_letter(peer, unit, root)
        else:
            await self._got_status(peer, unit, root, code)

    async def _got_letter(self, peer: Peer, unit: str, root: etree._Element) -> None:
        name = str(root.findtext(".//e:MessageHeader/e:DocumentId", namespaces=NAMESPACE))
        kind = root.findtext(".//e:BussinessDocType", namespaces=NAMESPACE) or "0"
        self.received[name, unit, kind] += 1
        about = self.letters[name]
        codes = ["15"]
        if kind == "0":
            codes = ["01", "02"] if about.course is Course.REFUSED else ["01", "03", "06"]
        for code in codes:
            await self._say(peer, unit, code, about, to=about.sender)

    async def _got_status(self, peer: Peer, unit: str, root: etree._Element, code: str) -> None:
        name = str(root.findtext(".//e:ResponseFor/e:DocumentId", namespaces=NAMESPACE))
        said_by = str(root.findtext(".//e:From/e:OrganId", namespaces=NAMESPACE))
        self.statuses[name, said_by, unit, code] += 1
        about = self.letters[name]
        if code == "13":
            await self._say(peer, unit, "15" if about.course is Course.RECALLED else "16", about, to=said_by)
        elif code == "06" and unit == about.sender and said_by not in about.asked:
            about.asked.add(said_by)
            await self._ask(peer, said_by, about)

    async def _ask(self, peer: Peer, unit: str, about: Letter) -> None:
        if about.course in (Course.RECALLED, Course.RECALL_DECLINED):
            await self._say(peer, about.sender, "13", about, to=unit)
        elif about.course is Course.UPDATED and about.asked >= set(about.to):
            await peer.accepted(update(about.sender, about.addresses(), number=about.number))

    async def _say(self, peer: Peer, unit: str, code: str, about: Letter, *, to: str) -> None:
        self.clock += 1
        at = f"{DAY_START} {8 + self.clock // 3600:02}:{self.clock // 60 % 60:02}:{self.clock % 60:02}"
        about_whom = (about.sender, about.number)
        await peer.accepted(status(unit, code, about=about_whom, to=to, text=f"lý do {code}", at=at))

    def missing(self) -> list[str]:
        """What has not come yet, or came twice."""
        wrong = []
        for each in self.letters.values():
            for unit in each.to:
                kinds = {"0": 1, **({"2": 1} if each.course is Course.UPDATED else {})}
                for kind, wanted in kinds.items():
                    got = self.received[each.name, unit, kind]
                    if got != wanted:
                        wrong.append(f"{each.name} type {kind} came {got} times to {unit}")
                for (unit_of, code), wanted in self._statuses_of(each, unit).items():
                    by, to = (each.sender, unit) if unit_of == "recipient" else (unit, each.sender)
                    got = self.statuses[each.name, by, to, code]
                    if got != wanted:
                        wrong.append(f"{each.name}: status {code} from {by} came {got} times to {to}")
        return wrong

    def _statuses_of(self, each: Letter, unit: str) -> dict[tuple[str, str], int]:
        match each.course:
            case Course.REFUSED:
                codes = {("sender", "01"): 1, ("sender", "02"): 1}
            case Course.FINISHED:
                codes = {("sender", c): 1 for c in ("01", "03", "06")}
            case Course.RECALLED | Course.RECALL_DECLINED:
                answer = "15" if each.course is Course.RECALLED else "16"
                codes = {("sender", c): 1 for c in ("01", "03", "06", answer)} | {("recipient", "13"): 1}
            case Course.UPDATED:
                codes = {("sender", c): 1 for c in ("01", "03", "06", "15")}
        return codes

    async def wrong_states(self) -> list[str]:
        """Business states that are not as planned, at either hub."""
        wrong = []
        for hub, name in ((self.nation.province, "province"), (self.nation.exchange, "exchange")):
            rows = await hub.pool.fetch(
                "SELECT o.document_no, d.unit_id, d.state, d.business_state FROM delivery d "
                "JOIN document o ON o.id = d.document_id WHERE o.doc_type = 0"
            )
            for row in rows:
                about = self.letters[row["document_no"]]
                end = END[about.course]
                if (row["state"], row["business_state"]) != ("confirmed", end):
                    found = f"{row['state']}, {row['business_state']}"
                    wrong.append(f"{name}: {about.name} at {row['unit_id']} is {found}, not {end}")
        return wrong


def _clean(body: bytes) -> bytes:
    return body[body.index(b"<") :]
