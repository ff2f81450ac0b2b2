"""A client of the national exchange on trial: it goes through the scenarios of the conformance sheet."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from adapters.conformance.scenarios import LARGE_BYTES, Sandbox
from adapters.conformance.tape import Tape, recording
from adapters.conformance.vxp import VXP
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
from hub.domain.adapters import VXP as VXP_ADAPTER
from hub.domain.directory_csv import parse
from schemas.edxml.model import Business, ReplacementInfo
from tests.support.messages import number_of, status
from tests.support.sdk import Reply, Sdk

UNIT: Final = DEPARTMENT.unit.code
NAME: Final = "QLVB đang thử"
SECRET: Final = "khoa-thu-nghiem-khong-co-that"
LOOK_S: Final = 0.2
_QUOTED: Final = re.compile(rb"<edXML:ResponseFor>.*?<edXML:DocumentId>([^<]+)</edXML:DocumentId>", re.DOTALL)
_CODE: Final = re.compile(rb"<edXML:StatusCode>(\d\d)<")
_FROM: Final = re.compile(rb"<edXML:From>.*?<edXML:OrganId>([^<]+)<", re.DOTALL)


@dataclass
class VxpTrial:
    """The system on trial; `told` are statuses that it took: (code, from, document)."""

    sdk: Sdk
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
        assert (await self._send(body)).json["DocId"] == (await self._send(body)).json["DocId"]
        conflict = await self._signed(replace(first, subject="V/v nội dung khác"))
        assert (await self._send(conflict)).code == "10"
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
        slow = self.sandbox.of(Behaviour.SLOW).code
        await self._told(("13", self.sandbox.of(Behaviour.RECALL).code), ("03", slow), ("01", slow))

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
        assert (await self._send(said, kind="status")).code == "0"

    async def _told(self, *wanted: tuple[str, ...]) -> None:
        def missing() -> bool:
            return not all(any(told[: len(w)] == w for told in self.told) for w in wanted)

        while missing():  # noqa: ASYNC110 (another task asks over HTTP)
            await asyncio.sleep(LOOK_S)

    async def _take_for_ever(self) -> None:
        while True:
            for kind in ("edoc", "status"):
                for row in await self._list(kind):
                    await self._take(row["docId"], kind)
            await asyncio.sleep(LOOK_S)

    async def _take(self, package: str, kind: str) -> None:
        receiver = self._fresh()
        body = await receiver.get(package) if kind == "status" else await receiver.download(package)
        assert body is not None
        assert (await receiver.update(package, "done")).code == "0"
        if kind == "edoc":
            return
        (code,), (sender,), (quoted,) = (_found(pattern, body) for pattern in (_CODE, _FROM, _QUOTED))
        if code == "13":
            await self._say("15", quoted, of=sender, to=sender)
        self.told.add((code, sender, quoted))

    async def _list(self, kind: str) -> list[dict[str, str]]:
        return await self._fresh().received(kind) or []

    async def _send(self, body: bytes, *, kind: str = "edoc") -> Reply:
        return await self._fresh().send(body, sender=UNIT, kind=kind)

    async def _accepted(self, body: bytes) -> Reply:
        reply = await self._send(body)
        assert reply.code == "0", reply.body
        return reply

    async def _through_a_cut(self, body: bytes) -> None:
        try:
            await self._send(body)
        except (asyncio.IncompleteReadError, ConnectionError, IndexError):
            await self._accepted(body)

    async def _with_a_wrong_signature(self) -> None:
        wrong = self._letter(Behaviour.REFUSE)
        _, pdf = await self.dms.compose(wrong, now=self.now)
        spoiled = pdf.replace(b"/Rotate 0", b"/Rotate 9", 1)
        assert spoiled != pdf
        document = (await self._accepted(self.dms.message(wrong, spoiled, now=self.now))).json["DocId"]

        async def failed() -> bool:
            rows = (await self._fresh().call("getSentEdocList", {"messagetype": "edoc"})).json["data"]
            return any((r["senderDocId"], r["receiveStatus"]) == (document, "fail") for r in rows)

        while not await failed():  # noqa: ASYNC110 (asked over HTTP)
            await asyncio.sleep(LOOK_S)

    def _fresh(self) -> Sdk:
        return Sdk(self.sdk.host, self.sdk.port, self.sdk.system_id, self.sdk.secret)

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
async def vxp_trial(folder: Path) -> AsyncIterator[VxpTrial]:
    """A hub with its sandbox and one system that speaks the national API, on the recording line."""
    settings = demo_settings(folder, 0)
    async with open_hub(settings) as hub:
        await hub.registry.replace_directory(parse(binh_duong_csv()).agencies)
        keys = await register_sandbox(hub.registry, settings)
        await hub.registry.add_system(NAME, units=[UNIT])
        async with open_adapters(settings) as adapters:
            await adapters.configure(NAME, adapter=VXP_ADAPTER, settings={"system_id": UNIT})
            await adapters.put_secret(NAME, VXP_ADAPTER, SECRET.encode(), grace=timedelta(0))
        sandbox = Sandbox(roles=sandbox_roles(settings))
        tape = Tape(cut_for=sandbox.of(Behaviour.SLOW).code, dialect=VXP)
        async with serving(hub) as url, recording(url, tape) as line, aiohttp.ClientSession() as session:
            parts = urlsplit(line)
            sdk = Sdk(str(parts.hostname), int(parts.port or 0), UNIT, SECRET)
            dms = await asyncio.to_thread(_dms, settings, HubClient(session, url, "-"))
            async with asyncio.TaskGroup() as group:
                answering = group.create_task(echo(url, settings, keys))
                yield VxpTrial(sdk=sdk, tape=tape, sandbox=sandbox, dms=dms)
                answering.cancel()


def _found(pattern: re.Pattern[bytes], body: bytes) -> tuple[str, ...]:
    return tuple(found.decode() for found in pattern.findall(body)[:1])
