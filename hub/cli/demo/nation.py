"""The exchange outside the province and a ministry behind it.

A second hub plays the national exchange: it lies in `<home>/national`, with a database of its own, and serves
the client API through which the province's hub sends and fetches as its connection centre. The ministry is a
simulated system there. Codes are illustrative.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp

from adapters.simulator.client import HubClient
from adapters.simulator.dms import SimulatedDms, Unit
from hub.bootstrap import Hub, open_hub, prepare_home
from hub.cli.demo.cast import DISTRICT
from hub.cli.demo.serving import serving
from hub.config import Settings, load_settings
from hub.domain.adapters import NATIONAL, VXP
from hub.domain.directory import Agency, AgencyCode, CodeScheme, Level
from signing.devpki import DevPki

WAY_OUT: Final = "Trục quốc gia"
MINISTRY_SYSTEM: Final = "QLVB Bộ Nội vụ"
NATION: Final = "00.00.W00"
SECRET: Final = "secret"  # noqa: S105 (a name)
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
