"""A whole hub inside a test: the product's own assembly on a fresh database and a folder of its own.

Nothing runs by itself. A test moves the hub with `settle` (outbox, verification, numbering) and `sweep`, and
the hub's clock with `later`; so no test waits. Verdicts come from a fake verifier that a test sets, unless it
brings a real one. Systems speak to the hub by HTTP, as a `Peer`.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from adapters.folder.watch import FolderWatcher
from adapters.registry import collect
from adapters.vxp.poller import Poller
from hub import bootstrap
from hub.bootstrap.blobs import open_blobs
from hub.bootstrap.exits import Pushing
from hub.bootstrap.signatures import make_verdicts
from hub.config import Limits, Settings, load_settings
from hub.config.storage import S3
from hub.domain.directory import Agency, AgencyCode, CodeScheme, Level, Succession, UnitState
from hub.ports.blobs import BlobStore
from hub.ports.exits import ExitKind
from hub.services import directory_snapshot
from hub.services.access import Caller
from hub.services.decisions import DecisionService
from hub.services.registry import RegistryService
from hub.storage.pool import create_pool
from hub.storage.unit_of_work import PgUnitOfWork
from hub.web.keys import SERVICES, UNDER_WAY, Services
from hub.workers.loops import Bell, Motions
from signing.report import (
    CertificateKind,
    FileFormat,
    FileReport,
    Indication,
    Role,
    SignatureReport,
    worst,
)
from tests.support.faulty import FaultyPool as FaultyPool  # noqa: PLC0414 (tests find it here)

A, B, C = "000.00.01.H09", "000.00.02.H09", "000.00.03.H09"
B_NEW = "H09.2"
LOCKED, MERGED, MERGED_TOO, ALONE = "000.00.04.H09", "000.00.05.H09", "000.00.08.H09", "000.00.06.H09"
B_SECOND = "000.00.07.H09"
UNKNOWN, OUTSIDE = "000.00.99.H09", "000.00.01.G22"
LONG_AGO = date(2025, 7, 1)
MESSAGE_TABLES: Final = (
    *("document", "document_text", "delivery", "event", "task", "outbox"),
    *("intake_key", "idempotency_key", "document_key", "receipt", "document_link", "evidence"),
)
PUSH_ROUNDS: Final = 50
RAW_XML: Final = {"Content-Type": "application/xml"}


def agency(code: str, *aliases: str, **fields: Any) -> Agency:
    """One agency of the tests' directory."""
    codes = tuple(AgencyCode(code=c, scheme=CodeScheme.QCVN102) for c in (code, *aliases))
    return Agency(unit_id=code, name=f"Đơn vị {code}", level=Level.DEPARTMENT, codes=codes, **fields)


def merged_into(code: str, successor: str) -> Agency:
    """An agency that was retired long ago, with its successor."""
    after = (Succession(unit_id=successor, default=True, from_date=LONG_AGO),)
    return agency(code, state=UnitState.RETIRED, retired_on=LONG_AGO, successors=after)


DIRECTORY: Final = (
    agency(A),
    agency(B, B_NEW),
    agency(C),
    agency(LOCKED, state=UnitState.LOCKED),
    merged_into(MERGED, B),
    merged_into(MERGED_TOO, B),
    agency(ALONE),
    agency(B_SECOND),
)


def signed(role: Role, indication: Indication, **fields: Any) -> SignatureReport:
    """The report on one signature."""
    kind = CertificateKind.ORGANISATION if role is Role.ORGANISATION else CertificateKind.PERSON
    return SignatureReport(
        id=role.value, role=role, certificate_kind=kind, indication=indication, intact=True, **fields
    )


def report(*signatures: SignatureReport) -> FileReport:
    """The report on one file with these signatures."""
    indication, sub = worst(signatures)
    return FileReport(
        file="cong-van.pdf",
        format=FileFormat.PDF,
        sha256="00" * 32,
        indication=indication,
        sub_indication=sub,
        signatures=signatures,
    )


PASSED = report(
    signed(Role.SIGNER, Indication.TOTAL_PASSED), signed(Role.ORGANISATION, Indication.TOTAL_PASSED)
)
FAILED = report(
    signed(Role.SIGNER, Indication.TOTAL_FAILED), signed(Role.ORGANISATION, Indication.TOTAL_PASSED)
)
DOUBTFUL = report(
    signed(Role.SIGNER, Indication.INDETERMINATE), signed(Role.ORGANISATION, Indication.TOTAL_PASSED)
)
UNSIGNED = report()


@dataclass
class FakeVerifier:
    """Gives the verdict that a test has set; `before` runs first and may raise."""

    verdict: FileReport = PASSED
    page: Sequence[str] = ()
    before: Callable[[str], None] = lambda _name: None
    during: Callable[[], Any] | None = None
    seen: list[tuple[str, bytes]] = field(default_factory=list)

    async def verify(
        self, path: Path, *, name: str, content: Sequence[Path] = (), existed_by: datetime | None = None
    ) -> FileReport:
        """Return the set verdict and note what was to be verified."""
        self.seen.append((name, path.read_bytes()))
        self.before(name)
        if self.during is not None:
            await self.during()
        return self.verdict

    async def first_page_lines(self, _path: Path) -> Sequence[str]:
        """Return the lines that were set."""
        return self.page

    async def print_report(self, report: FileReport, *, source: Path | None, out: Path, **_: Any) -> None:
        """Write something that tells whether there could have been pictures."""
        out.write_bytes(b"%PDF " + report.file.encode() + (b" with pictures" if source else b""))


@dataclass(frozen=True)
class Answer:
    """An answer of the hub, read to its end."""

    status: int
    headers: Any
    raw: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.raw)

    @property
    def code(self) -> str | None:
        """The problem's code; None if the answer is no problem document."""
        if not self.headers["Content-Type"].startswith("application/problem+json"):
            return None
        return str(self.json["code"])

    @property
    def document_id(self) -> str:
        """The id of the message that a receipt is for."""
        return str(self.json["receipt"]["receipt_id"])


@dataclass(frozen=True)
class Peer:
    """A system that talks to the hub by HTTP."""

    name: str
    key: str
    session: ClientSession
    url: str
    caller: Caller
    app: web.Application

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        """Make one call; `headers` given come on top of the key."""
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        async with self.session.request(method, self.url + path, headers=headers, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def send(self, body: Any, **headers: str) -> Answer:
        """Submit a message."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = io.BytesIO(body) if isinstance(body, bytes) else body
        return await self.call("POST", "/api/v1/documents", data=data, headers=RAW_XML | named)

    async def accepted(self, body: bytes) -> Answer:
        """Submit a message that must be accepted as a new one."""
        answer = await self.send(body)
        assert answer.status == 201, answer.raw
        return answer

    async def status(self, about: str, code: str, **fields: Any) -> Answer:
        """Say a status in JSON."""
        order = {"about": about, "status_code": code, "at": "2026-11-02T01:00:00Z", **fields}
        return await self.call("POST", "/api/v1/statuses", json=order)

    async def inbox(self, **query: str) -> list[dict[str, Any]]:
        """What may be leased now."""
        answer = await self.call("GET", "/api/v1/inbox", params=query)
        assert answer.status == 200, answer.raw
        found: list[dict[str, Any]] = answer.json["deliveries"]
        return found

    async def only(self) -> str:
        """The id of the one delivery in the inbox."""
        (offer,) = await self.inbox()
        return str(offer["delivery_id"])

    async def act(self, delivery_id: str, action: str, **body: Any) -> Answer:
        """Lease, renew, confirm or reject."""
        return await self.call("POST", f"/api/v1/inbox/{delivery_id}/{action}", json=body)

    async def lease(self, delivery_id: str, **body: Any) -> int:
        """Take a delivery and return the token."""
        answer = await self.act(delivery_id, "lease", **body)
        assert answer.status == 200, answer.raw
        return int(answer.json["lease_token"])

    async def content(self, delivery_id: str, token: int) -> Answer:
        """Fetch the bytes under a lease, and wait until the hub has recorded the hand-over."""
        path = f"/api/v1/inbox/{delivery_id}/content"
        fetched = await self.call("GET", path, params={"lease_token": str(token)})
        # The record follows the last byte: it is there when the call has ended also in the hub.
        assert await self.app[UNDER_WAY].ended(20)
        return fetched

    async def take(self, delivery_id: str) -> Answer:
        """Lease, fetch and confirm; return what was fetched."""
        token = await self.lease(delivery_id)
        fetched = await self.content(delivery_id, token)
        assert fetched.status == 200, fetched.raw
        confirmed = await self.act(delivery_id, "confirm", lease_token=token)
        assert confirmed.status == 200, confirmed.raw
        return fetched

    async def take_all(self) -> list[bytes]:
        """Take everything that is offered."""
        return [(await self.take(str(offer["delivery_id"]))).raw for offer in await self.inbox()]

    async def show(self, document_id: str) -> Any:
        """A document and where its deliveries stand."""
        answer = await self.call("GET", f"/api/v1/documents/{document_id}")
        assert answer.status == 200, answer.raw
        return answer.json

    async def business(self, document_id: str) -> dict[str, str]:
        """Business state by unit."""
        return {d["unit"]: d["business_state"] for d in (await self.show(document_id))["deliveries"]}

    async def kinds(self, document_id: str) -> list[str]:
        """The kinds of the events in a document's timeline."""
        answer = await self.call("GET", f"/api/v1/documents/{document_id}/timeline")
        assert answer.status == 200, answer.raw
        return [event["kind"] for event in answer.json["events"]]

    async def evidence(self, document_id: str) -> list[dict[str, Any]]:
        """The hub's statements about a document."""
        answer = await self.call("GET", f"/api/v1/documents/{document_id}/evidence")
        found: list[dict[str, Any]] = answer.json["evidence"]
        return found


@dataclass
class HubUnderTest:
    """A hub that only moves when it is told to."""

    app: web.Application
    motions: Motions
    registry: RegistryService
    pool: asyncpg.Pool[asyncpg.Record]
    blobs: BlobStore
    folder: Path
    verifier: Any
    decisions: DecisionService
    url: str
    session: ClientSession
    pushing: Pushing
    poller: Poller
    folders: FolderWatcher
    systems: dict[str, Peer] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        """The use cases behind HTTP."""
        return self.app[SERVICES]

    @property
    def listener(self) -> Any:
        """What wakes those who wait for mail; nothing rings it in a test."""
        return self.services.wakeups

    async def system(self, name: str, *units: str, **options: Any) -> Peer:
        """Register a system for units and connect to the hub as it."""
        made = await self.registry.add_system(name, units=units, **options)
        return self.peer(name, made.text, Caller(system=made.system, key_id=made.key_id))

    def peer(self, name: str, key: str, caller: Caller) -> Peer:
        """A connection with a given key."""
        peer = Peer(name=name, key=key, session=self.session, url=self.url, caller=caller, app=self.app)
        self.systems[name] = peer
        return peer

    async def settle(self) -> None:
        """Let the hub do all that is due now: hints, verification, numbers."""
        while await self.motions.pump.pump():
            pass
        for task_id in await self.column("SELECT id FROM task WHERE kind = 'verify' ORDER BY due_at, id"):
            await self.motions.verification.work(task_id)
        while await self.motions.pump.pump():
            pass
        while await self.motions.numbering.number():
            pass

    async def push(self) -> None:
        """Hand over all that is due to systems that are pushed to, one attempt at a time."""
        for _ in range(PUSH_ROUNDS):
            async with PgUnitOfWork(self.pool).read() as query:
                due = await query.peers.due_lanes(PUSH_ROUNDS)
            if not due:
                break
            for lane in due:
                for ref in lane.refs:
                    await self.pushing.service.work(UUID(lane.topic.split(".")[1]), ref)
        while await self.motions.numbering.number():
            pass

    async def pushed_to(self, name: str, *units: str, adapter: str, **settings: str) -> Peer:
        """Register a system that is pushed to."""
        peer = await self.system(name, *units)
        await self.pushing.adapters.configure(name, adapter=adapter, settings=settings)
        return peer

    async def sweep(self) -> None:
        """Let the hub put right what has run out."""
        while await self.motions.sweeper.sweep():
            pass
        while await self.motions.numbering.number():
            pass

    async def later(self, **delta: float) -> None:
        """Move the hub's clock forward."""
        await self.pool.execute("UPDATE hub_clock SET clock_offset = clock_offset + $1", timedelta(**delta))

    async def count(self, table: str) -> int:
        """The number of rows of a table."""
        rows: int = await self.pool.fetchval(f"SELECT count(*) FROM {table}")
        return rows

    async def column(self, query: str, *arguments: object) -> list[Any]:
        """The first column of a query's rows."""
        return [row[0] for row in await self.pool.fetch(query, *arguments)]

    async def stored_blobs(self) -> set[UUID]:
        """The blobs on disk."""
        return {entry.blob_id async for entry in self.blobs.entries()}

    def spools(self) -> list[Path]:
        """Spool folders that were not dropped."""
        return list((self.folder / "blobs" / "tmp").iterdir())

    async def holds_nothing(self) -> bool:
        """Whether no message left anything: no row of any kind, no blob, no spool."""
        rows = sum([await self.count(table) for table in MESSAGE_TABLES])
        return not rows and not await self.stored_blobs() and not self.spools()


@asynccontextmanager
async def hub_on(
    dsn: str,
    folder: Path,
    *,
    verifier: Any = None,
    limits: dict[str, Any] | None = None,
    watch: Callable[[asyncpg.Pool[asyncpg.Record]], Any] | None = None,
    agencies: Sequence[Agency] = DIRECTORY,
    s3: S3 | None = None,
    exits: Sequence[ExitKind] = (),
    more: dict[str, Any] | None = None,
    remembers: bool = False,
) -> AsyncIterator[HubUnderTest]:
    """Put a hub together as the product does, serve it, and take it down again; `more` are other settings.

    With `remembers` verdicts are kept and shared, as a node does it.
    """
    plenty = {"intake_per_system": 64, "intake_per_node": 64, "disk_free_ratio": 0, "disk_free_bytes": 0}
    plenty |= limits or {}
    settings: Settings = load_settings(
        environment={},
        home=folder,
        database_url=dsn,
        s3=s3,
        limits=Limits.model_validate(plenty),
        **(more or {}),
    )
    async with AsyncExitStack() as stack:
        # A change of the directory is seen by the next call, not within a second.
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(directory_snapshot, "LOOK_AGAIN_S", 0.0)
        pool = await create_pool(dsn, size=16, application_name="test")
        stack.push_async_callback(pool.close)
        blobs = open_blobs(settings)
        stack.callback(blobs.close)
        bell = Bell()
        uow = PgUnitOfWork(watch(pool) if watch else pool, on_commit=bell.ring)
        chosen: Any = verifier or FakeVerifier()
        if remembers:
            chosen = make_verdicts(settings, chosen, uow)
        if exits:
            kinds = collect(exits)
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr("hub.bootstrap.exits.make_exit_kinds", lambda *_: kinds)
        hub = await bootstrap.assemble(settings, uow=uow, blobs=blobs, verifier=chosen, bell=bell, dsn=dsn)
        # The longest wait each time: whether something is due must not be chance.
        hub.pushing.service._settling._chance = lambda: 1.0
        stack.push_async_callback(hub.pushing.service.close)
        suffixes = frozenset(settings.province_codes)
        registry = RegistryService(PgUnitOfWork(pool), bootstrap.make_ids(), suffixes)
        await registry.replace_directory(agencies)
        server = TestServer(hub.app)
        await stack.enter_async_context(server)
        session = await stack.enter_async_context(ClientSession())
        url = str(server.make_url("")).rstrip("/")
        yield HubUnderTest(
            hub.app,
            hub.loops._motions,
            registry,
            pool,
            blobs,
            folder,
            chosen,
            hub.decisions,
            url,
            session,
            hub.pushing,
            hub.poller,
            hub.folders,
        )


@pytest.fixture
async def hub(database_url: str, tmp_path: Path) -> AsyncIterator[HubUnderTest]:
    """A hub with the tests' directory and no system."""
    async with hub_on(database_url, tmp_path) as made:
        yield made


@pytest.fixture
async def a(hub: HubUnderTest) -> Peer:
    """The system of unit A, which sends."""
    return await hub.system("DMS A", A)


@pytest.fixture
async def b(hub: HubUnderTest) -> Peer:
    """The system of unit B, which receives."""
    return await hub.system("DMS B", B, B_SECOND)


@pytest.fixture
async def c(hub: HubUnderTest) -> Peer:
    """The system of unit C."""
    return await hub.system("DMS C", C)


async def at_once(*calls: Any) -> list[Any]:
    """Run calls concurrently and return their results in order."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]


def sha256(data: bytes) -> str:
    """The digest as the hub writes it."""
    return hashlib.sha256(data).hexdigest()
