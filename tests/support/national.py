"""A province's hub and a second hub that plays the national exchange, with what can go wrong between them.

The second hub is the product itself: its server side of the client API is the exchange, ministries are its
systems, and the province's connection centre is one of them, for all agencies of the province. Between the
two stands a proxy that passes calls on, and makes faults when it is told to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp.test_utils import TestServer as WebServer

from hub.domain.adapters import NATIONAL, VXP
from hub.domain.directory import Agency, AgencyCode, CodeScheme, Level
from tests.support.faulty_proxy import FaultyProxy
from tests.support.hub import ALONE, B_NEW, B_SECOND, DIRECTORY, A, B, C, HubUnderTest, Peer, agency, hub_on
from tests.support.postgres import TestServer

CENTRE: Final = "00.09.W00"
NATION: Final = "00.00.W00"
KEY: Final = "mot-khoa-chi-de-thu"
WAY_OUT: Final = "Trục quốc gia"
MINISTRY, MINISTRY_NEW, OFFICE = "000.00.00.G12", "G12", "000.00.00.G22"
OWN_UNITS: Final = (A, B, B_SECOND, C, ALONE)
PATIENCE: Final = {"call_s": 5.0, "transfer_s": 10.0, "stalled_s": 5.0, "connect_s": 5.0}


def ministry(code: str, *others: str) -> Agency:
    """An agency outside the province."""
    codes = (code, *others)
    return Agency(
        unit_id=code,
        name=f"Bộ {code}",
        level=Level.MINISTRY,
        codes=tuple(AgencyCode(code=c, scheme=CodeScheme.OTHER) for c in codes),
    )


MINISTRIES: Final = (ministry(MINISTRY, MINISTRY_NEW), ministry(OFFICE))


@dataclass
class Nation:
    """The province's hub and the exchange's, and who speaks to them."""

    province: HubUnderTest
    exchange: HubUnderTest
    proxy: FaultyProxy
    a: Peer
    b: Peer
    finance: Peer
    office: Peer

    @property
    def peers(self) -> dict[str, Peer]:
        """The systems of agencies, by unit."""
        return {A: self.a, B: self.b, B_SECOND: self.b, MINISTRY: self.finance, OFFICE: self.office}

    async def turn(self) -> None:
        """Let both hubs do what is due, and the province's call the exchange once in both directions."""
        await self.province.settle()
        await self.province.push()
        await self.exchange.settle()
        await self.exchange.sweep()
        # Nobody listens to the database here: what came since the last list is told to all by hand.
        self.exchange.listener.wake_everybody()
        await self.province.poller.poll()
        await self.province.settle()
        await self.province.sweep()

    async def later(self, **delta: float) -> None:
        """Move both clocks."""
        await self.province.later(**delta)
        await self.exchange.later(**delta)

    async def way_out(self) -> Any:
        """The row of the province's system that is the way out."""
        return await self.province.pool.fetchrow("SELECT * FROM system WHERE name = $1", WAY_OUT)


@asynccontextmanager
async def nation_on(
    server: TestServer,
    template: str,
    folder: Path,
    *,
    proxy: FaultyProxy | None = None,
    known: bool = True,
    relay: dict[str, Any] | None = None,
) -> AsyncIterator[Nation]:
    """Put both hubs together; `known`: the province's directory has the ministries."""
    async with AsyncExitStack() as stack:

        async def hub_in(name: str, **options: Any) -> HubUnderTest:
            dsn = await stack.enter_async_context(server.database(template))
            (folder / name).mkdir()
            return await stack.enter_async_context(hub_on(dsn, folder / name, **options))

        exchange = await hub_in(
            "exchange",
            agencies=(*(agency(u, *((B_NEW,) if u == B else ())) for u in OWN_UNITS), *MINISTRIES),
            more={"hub_code": NATION, "province_codes": ("NATION",)},
        )
        rules = PATIENCE | {"directory_sync": False, "sent_every_s": 60} | (relay or {})
        province = await hub_in(
            "province",
            agencies=(*DIRECTORY, *(MINISTRIES if known else ())),
            more={"hub_code": CENTRE, "relay": rules},
        )
        await exchange.pushed_to(CENTRE, *OWN_UNITS, adapter=VXP)
        await exchange.pushing.adapters.put_secret(CENTRE, VXP, KEY.encode())
        between = proxy or FaultyProxy(upstream="", seed=0, rate=0.0)
        between.upstream = f"{exchange.url}/vxp"
        between.old_codes = {B: B_NEW}
        web = WebServer(between.app())
        await stack.enter_async_context(web)
        endpoint = str(web.make_url("")).rstrip("/")
        await province.pushed_to(WAY_OUT, adapter=NATIONAL, endpoint=endpoint, system_id=CENTRE)
        await province.pushing.adapters.put_secret(WAY_OUT, "secret", KEY.encode())
        yield Nation(
            province=province,
            exchange=exchange,
            proxy=between,
            a=await province.system("DMS A", A),
            b=await province.system("DMS B", B, B_SECOND),
            finance=await exchange.system("Bộ Tài chính", MINISTRY),
            office=await exchange.system("Văn phòng Chính phủ", OFFICE),
        )
