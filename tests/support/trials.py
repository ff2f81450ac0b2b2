"""Clients of the national API and of the Bkav dialect on trial: they go through the scenarios."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import aiohttp

from adapters.conformance.facts import Dialect
from adapters.conformance.scenarios import LARGE_BYTES, Sandbox
from adapters.conformance.tape import Tape, recording
from adapters.simulator.client import HubClient
from adapters.simulator.dms import VIETNAM, Letter, SimulatedDms, addressee
from adapters.simulator.echo import Behaviour
from hub.bootstrap import open_hub
from hub.bootstrap.exits import open_adapters
from hub.bootstrap.sandbox import echo, register_sandbox, sandbox_roles
from hub.cli.conformance_self import _dms
from hub.cli.demo.cast import DEPARTMENT
from hub.cli.demo.serving import serving
from hub.cli.demo.stage import demo_settings
from hub.demo_data import binh_duong_csv
from hub.domain.adapters import VXP
from hub.domain.directory_csv import parse
from schemas.edxml.model import Business, ReplacementInfo
from tests.support.messages import number_of, status
from tests.support.sdk import Sdk

UNIT: Final = DEPARTMENT.unit.code
NAME: Final = "QLVB đang thử"
SECRET: Final = "khoa-thu-nghiem-khong-co-that"
LOOK_S: Final = 0.2
LETTER: Final = "letter"
_QUOTED: Final = re.compile(rb"<edXML:ResponseFor>.*?<edXML:DocumentId>([^<]+)</edXML:DocumentId>", re.DOTALL)
_CODE: Final = re.compile(rb"<edXML:StatusCode>(\d\d)<")
_FROM: Final = re.compile(rb"<edXML:From>.*?<edXML:OrganId>([^<]+)<", re.DOTALL)


class TrialClient(Protocol):
    """A system's client, as far as the scenarios need it."""

    async def send(self, body: bytes, kind: str) -> str | None:
        """Hand a message in; return the id under which it was accepted, None if it was refused."""
        ...

    async def pending(self, kind: str) -> list[str]:
        """Return the packages that wait."""
        ...

    async def take(self, package: str) -> bytes:
        """Fetch a package and confirm it."""
        ...

    async def was_not_delivered(self, document: str) -> bool:
        """Say whether a document is seen not to have been delivered; True where nobody can ask."""
        ...


class VxpClient:
    """The national API: a client object for each call, so that nothing stale comes along."""

    def __init__(self, host: str, port: int) -> None:
        self._place = (host, port)

    async def send(self, body: bytes, kind: str) -> str | None:
        """sendEdoc."""
        reply = await self._sdk().send(body, sender=UNIT, kind=kind)
        return str(reply.json["DocId"]) if reply.code == "0" else None

    async def pending(self, kind: str) -> list[str]:
        """getReceivedEdocList."""
        return [row["docId"] for row in await self._sdk().received(kind) or []]

    async def take(self, package: str) -> bytes:
        """getEdoc, downloadEdoc, updateStatus."""
        sdk = self._sdk()
        body = await sdk.get(package)
        assert await sdk.download(package) == body
        assert (await sdk.update(package, "done")).code == "0"
        return body

    async def was_not_delivered(self, document: str) -> bool:
        """getSentEdocList."""
        rows = (await self._sdk().call("getSentEdocList", {"messagetype": "edoc"})).json["data"]
        return any((row["senderDocId"], row["receiveStatus"]) == (document, "fail") for row in rows)

    def _sdk(self) -> Sdk:
        return Sdk(*self._place, UNIT, SECRET)


class BkavClient:
    """The Bkav dialect."""

    def __init__(self, line: str, session: aiohttp.ClientSession) -> None:
        self._base = f"{line}/EdocService"
        self._session = session

    async def send(self, body: bytes, kind: str) -> str | None:
        """sendDocument."""
        answer = await self._call("sendDocument", {"type": kind.upper()}, io.BytesIO(body))
        return str(answer["docId"]) if answer["status"] == "Success" else None

    async def pending(self, kind: str) -> list[str]:
        """getPendingDocIds."""
        answer = await self._call("getPendingDocIds", {"messagetype": kind.upper()})
        assert answer["status"] == "Success", answer
        return [str(each) for each in answer["data"]]

    async def take(self, package: str) -> bytes:
        """getDocument, confirmReceived."""
        body = base64.b64decode((await self._call("getDocument", {"docid": package}))["data"])
        assert (await self._call("confirmReceived", {"docid": package}))["status"] == "Success"
        return body

    async def was_not_delivered(self, document: str) -> bool:
        """Nobody can ask for that here."""
        return True

    async def _call(self, operation: str, said: dict[str, str], body: io.BytesIO | None = None) -> Any:
        headers = {"organid": UNIT, "authorization": SECRET, **said}
        async with self._session.post(f"{self._base}/{operation}", headers=headers, data=body) as answer:
            return await answer.json()


@dataclass
class Trial:
    """The system on trial; `told` are statuses that it took: (code, from, document)."""

    client: TrialClient
    tape: Tape
    sandbox: Sandbox
    dms: SimulatedDms
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    told: set[tuple[str, str, str]] = field(default_factory=set)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def go_through(self) -> None:
        """Do what the scenarios ask for, and take what comes meanwhile."""
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(self._take_for_ever())
            await self._send_all()
            taking.cancel()

    async def _send_all(self) -> None:
        first = self._letter(Behaviour.ACCEPT)
        body = await self._signed(first)
        assert await self._accepted(body) == await self._accepted(body)
        conflict = await self._signed(replace(first, subject="V/v nội dung khác"))
        assert await self.client.send(conflict, "edoc") is None
        by_other_code = self._letter(Behaviour.ACCEPT, self.sandbox.of(Behaviour.ACCEPT).other_code)
        await self._accepted(await self._signed(by_other_code))
        update = Business(doc_type=2, document_id=self._no(first), reason="Cập nhật", paper=0)
        await self._accepted(await self._signed(replace(first, subject="V/v sửa", business=update)))
        replaced = ReplacementInfo(document_id=self._no(first), organ_ids=(first.to[0].code,))
        business = Business(doc_type=3, reason="Thay thế", paper=0, replacements=(replaced,))
        await self._accepted(await self._signed(replace(self._letter(Behaviour.ACCEPT), business=business)))
        large = b"%PDF-1.7\n" + os.urandom(LARGE_BYTES * 3 // 4)
        await self._accepted(self.dms.message(self._letter(Behaviour.ACCEPT), large, now=self.now))
        await self._through_a_cut(await self._signed(self._letter(Behaviour.SLOW)))
        await self._accepted(await self._signed(self._letter(Behaviour.WRONG)))
        await self._with_a_wrong_signature()
        await self._recall(Behaviour.ACCEPT, "15")
        await self._recall(Behaviour.RECALL, "16")
        slow, wrong = self.sandbox.of(Behaviour.SLOW).code, self.sandbox.of(Behaviour.WRONG).code
        await self._told(("13", self.sandbox.of(Behaviour.RECALL).code), ("03", slow), ("01", slow))
        await self._told((LETTER, wrong))

    async def _recall(self, behaviour: Behaviour, answer: str) -> None:
        asked = self._letter(behaviour)
        code, mine = asked.to[0].code, self._no(asked)
        await self._accepted(await self._signed(asked))
        await self._told(("03", code, mine))
        await self._say("13", mine, of=UNIT, to=code)
        await self._told((answer, code, mine))

    async def _say(self, code: str, document: str, *, of: str, to: str) -> None:
        said = status(UNIT, code, about=(of, 1), to=to, text="Thu nghiem")
        said = said.replace(number_of(of, 1).encode(), document.encode())
        assert await self.client.send(said, "status") is not None

    async def _told(self, *wanted: tuple[str, ...]) -> None:
        def missing() -> bool:
            return not all(any(told[: len(w)] == w for told in self.told) for w in wanted)

        while missing():  # noqa: ASYNC110 (another task asks over HTTP)
            await asyncio.sleep(LOOK_S)

    async def _take_for_ever(self) -> None:
        while True:
            for kind in ("edoc", "status"):
                for package in await self.client.pending(kind):
                    await self._take(package, kind)
            await asyncio.sleep(LOOK_S)

    async def _take(self, package: str, kind: str) -> None:
        body = await self.client.take(package)
        (sender,) = _found(_FROM, body)
        if kind == "edoc":
            self.told.add((LETTER, sender, ""))
            return
        (code,), (quoted,) = (_found(pattern, body) for pattern in (_CODE, _QUOTED))
        if code == "13":
            await self._say("15", quoted, of=sender, to=sender)
        self.told.add((code, sender, quoted))

    async def _accepted(self, body: bytes) -> str:
        document = await self.client.send(body, "edoc")
        assert document is not None
        return document

    async def _through_a_cut(self, body: bytes) -> None:
        try:
            await self.client.send(body, "edoc")
        except (asyncio.IncompleteReadError, aiohttp.ClientError, ConnectionError, IndexError):
            await self._accepted(body)

    async def _with_a_wrong_signature(self) -> None:
        wrong = self._letter(Behaviour.REFUSE)
        _, pdf = await self.dms.compose(wrong, now=self.now)
        spoiled = pdf.replace(b"/Rotate 0", b"/Rotate 9", 1)
        assert spoiled != pdf
        document = await self._accepted(self.dms.message(wrong, spoiled, now=self.now))
        while not await self.client.was_not_delivered(document):  # noqa: ASYNC110 (asked over HTTP)
            await asyncio.sleep(LOOK_S)

    def _letter(self, behaviour: Behaviour, code: str | None = None) -> Letter:
        role = self.sandbox.of(behaviour)
        to = addressee(code or role.code, role.name)
        subject = f"V/v thử kết nối ({behaviour.value})"
        return Letter(number=next(self.numbers), subject=subject, paragraphs=(subject,), to=(to,))

    async def _signed(self, written: Letter) -> bytes:
        return (await self.dms.compose(written, now=self.now))[0]

    def _no(self, written: Letter) -> str:
        return self.dms.document_no(written.number, self.now.astimezone(VIETNAM).date())


@asynccontextmanager
async def trial(folder: Path, dialect: Dialect, adapter: str) -> AsyncIterator[Trial]:
    """A hub with its sandbox and one system that speaks a dialect, on the recording line."""
    settings = demo_settings(folder, 0)
    async with open_hub(settings) as hub:
        await hub.registry.replace_directory(parse(binh_duong_csv()).agencies)
        keys = await register_sandbox(hub.registry, settings)
        await hub.registry.add_system(NAME, units=[UNIT])
        async with open_adapters(settings) as adapters:
            await adapters.configure(NAME, adapter=adapter, settings={"system_id": UNIT})
            await adapters.put_secret(NAME, adapter, SECRET.encode(), grace=timedelta(0))
        sandbox = Sandbox(roles=sandbox_roles(settings))
        tape = Tape(cut_for=sandbox.of(Behaviour.SLOW).code, dialect=dialect)
        async with serving(hub) as url, recording(url, tape) as line, aiohttp.ClientSession() as session:
            parts = urlsplit(line)
            client: TrialClient = BkavClient(line, session)
            if adapter == VXP:
                client = VxpClient(str(parts.hostname), int(parts.port or 0))
            dms = await asyncio.to_thread(_dms, settings, HubClient(session, url, "-"))
            async with asyncio.TaskGroup() as group:
                answering = group.create_task(echo(url, settings, keys))
                yield Trial(client=client, tape=tape, sandbox=sandbox, dms=dms)
                answering.cancel()


def _found(pattern: re.Pattern[bytes], body: bytes) -> tuple[str, ...]:
    return tuple(found.decode() for found in pattern.findall(body)[:1])
