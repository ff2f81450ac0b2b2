"""An act of its own: a ministry outside the province, behind the national exchange.

A second hub plays the national exchange: it lies in `<home>/national`, with a database of its own, and serves
the client API through which the province's hub sends and fetches as its connection centre. The ministry is a
simulated system there. So a letter goes from a district through two hubs to a ministry, and its statuses and
the answer come back the same way. Codes are illustrative.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import aiohttp

from adapters.simulator.client import HubClient, Json
from adapters.simulator.dms import Letter, SimulatedDms, Unit
from hub.bootstrap import Hub, open_hub, prepare_home
from hub.cli.demo.cast import DISTRICT
from hub.cli.demo.checks import Checks, StepImpossible
from hub.cli.demo.serving import serving
from hub.config import Settings, load_settings
from hub.domain.adapters import NATIONAL, VXP
from hub.domain.directory import Agency, AgencyCode, CodeScheme, Level
from signing.devpki import DevPki

WAY_OUT: Final = "Trục quốc gia"
MINISTRY_SYSTEM: Final = "QLVB Bộ Nội vụ"
NATION: Final = "00.00.W00"
SECRET: Final = "secret"  # noqa: S105 (a name)
STEP_LIMIT_S: Final = 60.0
WAIT_S: Final = 5
MINISTRY: Final = Unit(
    code="000.00.00.G09",
    name="Bộ Nội vụ",
    notation="BNV-VP",
    place="Hà Nội",
    governing_body=None,
    signer="Phạm Thị Giả Định",
    signer_title="CHÁNH VĂN PHÒNG",
    authority="TL. BỘ TRƯỞNG",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nation:
    """The exchange outside the province, running: where it answers, and the ministry behind it."""

    url: str
    ministry: SimulatedDms


@asynccontextmanager
async def open_nation(settings: Settings, province: Hub) -> AsyncIterator[Nation]:
    """Start the exchange, connect the province's hub to it, and bring the ministry; stop it at the end."""
    pki = await asyncio.to_thread(DevPki.open_or_create, settings.home / "demo" / "pki")
    nation = _settings(settings, pki)
    prepare_home(nation)
    async with open_hub(nation) as exchange:
        key = await _register(exchange, settings)
        async with serving(exchange) as url, aiohttp.ClientSession() as session:
            await _connect(province, exchange, url, centre=settings.hub_code)
            person = await asyncio.to_thread(
                pki.issue_person, MINISTRY.signer, agency_name=MINISTRY.name, title=MINISTRY.signer_title
            )
            ministry = SimulatedDms(
                MINISTRY,
                HubClient(session, url, key),
                person=person,
                organisation=await asyncio.to_thread(pki.issue_organisation, MINISTRY.name),
            )
            yield Nation(url=url, ministry=ministry)


class MinistryAct:
    """A letter to the ministry and its answer."""

    def __init__(self, nation: Nation, district: SimulatedDms, checks: Checks) -> None:
        self._ministry = nation.ministry
        self._district = district
        self._checks = checks
        self._number = int(time.time()) % 10_000_000 * 10
        self._arrived: Json | None = None

    async def perform(self, first: int) -> None:
        """Play the act; its steps are numbered from `first`."""
        steps = (
            ("Huyện gửi văn bản ra Bộ Nội vụ qua trục quốc gia; Bộ tiếp nhận", self._outward),
            ("Bộ trả lời; huyện nhận từ trục quốc gia và báo lại", self._inward),
        )
        for number, (title, action) in enumerate(steps, first):
            await self._checks.step(number, title, action)

    async def _outward(self) -> None:
        letter = self._letter("V/v báo cáo tổ chức bộ máy cấp huyện", MINISTRY)
        sent, _ = await self._district.send(letter, now=datetime.now(UTC))
        results = [r["result"] for r in sent.receipt["recipients"]]
        self._checks.that(results == ["relayed"], "biên nhận ghi: chuyển ra trục quốc gia")
        arrived = await self._receive(self._ministry, lambda offer: offer["from_code"] == DISTRICT.unit.code)
        self._checks.that(arrived["document_no"] == sent.receipt["document_no"], "Bộ nhận đúng văn bản đó")
        self._arrived = arrived
        for code in ("01", "03"):
            await self._ministry.client.status(arrived["document_id"], code, at=datetime.now(UTC))
        reached = await self._until(sent.document_id, "accepted")
        self._checks.that(reached, "huyện thấy văn bản đã được Bộ tiếp nhận (01, 03 về qua trục quốc gia)")

    async def _inward(self) -> None:
        if self._arrived is None:
            raise StepImpossible
        letter = self._letter("V/v trả lời về tổ chức bộ máy", DISTRICT.unit, reply_to=self._arrived)
        sent, _ = await self._ministry.send(letter, now=datetime.now(UTC))
        number = sent.receipt["document_no"]
        offer = await self._receive(self._district, lambda offer: offer["document_no"] == number)
        self._checks.that(offer["from_code"] == MINISTRY.code, "huyện nhận văn bản trả lời của Bộ")
        await self._district.client.status(offer["document_id"], "03", at=datetime.now(UTC))
        status = await self._receive(
            self._ministry, lambda offer: offer["kind"] == "status" and offer["document_no"] == number
        )
        self._checks.that(status["status_code"] == "03", "Bộ nhận trạng thái 03 của huyện")

    async def _receive(self, dms: SimulatedDms, wanted: Callable[[Json], bool]) -> Json:
        async with asyncio.timeout(STEP_LIMIT_S):
            while True:
                for received in await dms.receive(wait=WAIT_S):
                    if wanted(received.offer):
                        return received.offer

    async def _until(self, document_id: str, state: str) -> bool:
        async with asyncio.timeout(STEP_LIMIT_S):
            while True:
                document = await self._district.client.document(document_id)
                if document["deliveries"][0]["business_state"] == state:
                    return True
                await self._district.receive(wait=1)

    def _letter(self, subject: str, to: Unit, *, reply_to: Json | None = None) -> Letter:
        self._number += 1
        paragraphs = ("Kính gửi quý cơ quan.", "Đề nghị quý cơ quan xem xét, cho ý kiến.")
        return Letter(
            number=self._number, subject=subject, paragraphs=paragraphs, to=(to,), reply_to=reply_to
        )


def _settings(settings: Settings, pki: DevPki) -> Settings:
    # Nothing of the person's own settings: another database, another broker, another name.
    return load_settings(
        environment={},
        home=settings.home / "national",
        http_port=0,
        hub_code=NATION,
        province_codes=("VN",),
        verify_workers=1,
        trust_folder=settings.trust_folder or pki.trust_folder,
        log_level=settings.log_level,
    )


async def _register(exchange: Hub, settings: Settings) -> str:
    registry = exchange.registry
    if not len(await registry.directory()):
        await registry.replace_directory([_agency(DISTRICT.unit), _agency(MINISTRY)])
    known = {system.name for system in await registry.systems()}
    if settings.hub_code not in known:
        await registry.add_system(settings.hub_code, units=[DISTRICT.unit.code])
    if MINISTRY_SYSTEM not in known:
        return (await registry.add_system(MINISTRY_SYSTEM, units=[MINISTRY.code])).text
    return (await registry.new_key(MINISTRY_SYSTEM)).text


async def _connect(province: Hub, exchange: Hub, url: str, *, centre: str) -> None:
    secret = secrets.token_urlsafe(32).encode()
    await exchange.pushing.adapters.configure(centre, adapter=VXP)
    await exchange.pushing.adapters.put_secret(centre, VXP, secret)
    if WAY_OUT not in {system.name for system in await province.registry.systems()}:
        await province.registry.add_system(WAY_OUT)
    endpoint = {"endpoint": f"{url}{exchange.settings.vxp.base_path}", "system_id": centre}
    await province.pushing.adapters.configure(WAY_OUT, adapter=NATIONAL, settings=endpoint)
    await province.pushing.adapters.put_secret(WAY_OUT, SECRET, secret)


def _agency(unit: Unit) -> Agency:
    code = AgencyCode(code=unit.code, scheme=CodeScheme.QCVN102)
    return Agency(unit_id=unit.code, name=unit.name, level=Level.OTHER, codes=(code,))
