"""The composition root: the one place that knows concrete classes and reads settings.

`open_hub` builds the object graph of a node from its settings and takes it down again in reverse order.
Nothing below this module consults settings or makes its own collaborators.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog
from aiohttp import web

from hub import __version__
from hub.broker.amqp import AmqpBroker
from hub.broker.in_process import InProcessBroker
from hub.config import Settings
from hub.domain.deadlines import Allowance
from hub.domain.ids import Uuid7Factory
from hub.domain.leases import LeaseRules
from hub.embedded.errors import HomeUnusable
from hub.embedded.postgres import EmbeddedPostgres
from hub.observability.failpoints import Failpoints
from hub.observability.metrics import Metrics
from hub.ports.broker import Broker
from hub.ports.unit_of_work import UnitOfWork
from hub.services.access import AccessService
from hub.services.compose import ComposeService
from hub.services.dead_letters import DeadLetters
from hub.services.decisions import DecisionService
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.follow import FollowService
from hub.services.health import HealthService
from hub.services.housekeeping import Housekeeping
from hub.services.inbox import InboxService
from hub.services.intake import IntakeLimits, IntakeService
from hub.services.intake_commit import IntakeCommit
from hub.services.journal import Journal
from hub.services.kit import Kit
from hub.services.numbering import Numbering
from hub.services.outbox_pump import OutboxPump
from hub.services.recall import RecallService
from hub.services.registry import RegistryService
from hub.services.rules import IntakeFloor, Rules, TransferRules
from hub.services.slots import Slots
from hub.services.statuses import StatusService
from hub.services.sweeper import Sweeper
from hub.services.verification import VerificationService
from hub.storage.blobs_local import LocalBlobStore
from hub.storage.listener import InboxListener
from hub.storage.migrate import check, migrate
from hub.storage.pool import create_pool
from hub.storage.seal_keys import FileSealer
from hub.storage.unit_of_work import PgUnitOfWork
from hub.web.app import create_app
from hub.web.keys import Services
from hub.web.server import serve_http
from hub.workers.loops import Bell, Loops, Motions
from hub.workers.verifier_pool import VerifierPool
from schemas.limits import FormatLimits
from signing.errors import SigningError
from signing.trust import TrustStore

log = structlog.get_logger(__name__)

HOME_MODE = 0o700
SHARED_SPOOL_AGE = timedelta(hours=1)


class TrustUnusable(Exception):
    """The folder of trusted CA certificates holds something that is none."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder}: {reason}")
        self.folder = folder
        self.reason = reason


class SchemaOutdated(Exception):
    """The database lacks migrations of this version: run `lienthong migrate` first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A node, ready to serve: its HTTP application, its loops, and what commands need of it."""

    app: web.Application
    loops: Loops
    registry: RegistryService
    decisions: DecisionService
    settings: Settings


def prepare_home(settings: Settings) -> None:
    """Make the home folder (0700) where it is missing. Raises HomeUnusable."""
    try:
        settings.home.mkdir(mode=HOME_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(settings.home, error.strerror or str(error)) from error


@asynccontextmanager
async def open_database(settings: Settings, *, upgrade: bool) -> AsyncIterator[str]:
    """Yield the DSN of a database with the schema of this version.

    The embedded PostgreSQL is started in the home folder if no other is set, and always migrated; a
    given one is migrated only if `upgrade` says so.

    Raises:
        SchemaOutdated, MigrationError, DatabaseUnfit, DatabaseUnavailable, EmbeddedPostgresError.
    """
    async with AsyncExitStack() as stack:
        if settings.database_url is None:
            prepare_home(settings)
            postgres = EmbeddedPostgres(settings.home)
            dsn = await stack.enter_async_context(postgres)
            await stack.enter_async_context(_supervised(postgres))
            upgrade = True
        else:
            dsn = settings.database_url.get_secret_value()
        if upgrade:
            for applied in await migrate(dsn):
                log.info("migration_applied", name=applied.name)
        elif (await check(dsn)).pending:
            raise SchemaOutdated
        yield dsn


@asynccontextmanager
async def _supervised(postgres: EmbeddedPostgres) -> AsyncIterator[None]:
    # A server that ends by itself is started again under the same DSN; one that cannot be ends the node.
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(postgres.keep_running(), name="keep-postgres")
        try:
            yield
        finally:
            watch.cancel()


@asynccontextmanager
async def open_registry(settings: Settings) -> AsyncIterator[RegistryService]:
    """Yield what administrators' commands need: systems, keys and the directory, without a node."""
    async with AsyncExitStack() as stack:
        if settings.database_url is None:
            dsn = await stack.enter_async_context(EmbeddedPostgres.borrow(settings.home))
            await migrate(dsn)
        else:
            dsn = settings.database_url.get_secret_value()
        pool = await create_pool(dsn, size=2, application_name="lienthong-command")
        stack.push_async_callback(pool.close)
        yield _registry(settings, PgUnitOfWork(pool), _ids())


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[DecisionService]:
    """Yield what people decide about single deliveries, without a node: a running one acts on it."""
    async with AsyncExitStack() as stack:
        if settings.database_url is None:
            dsn = await stack.enter_async_context(EmbeddedPostgres.borrow(settings.home))
            await migrate(dsn)
        else:
            dsn = settings.database_url.get_secret_value()
        pool = await create_pool(dsn, size=2, application_name="lienthong-command")
        stack.push_async_callback(pool.close)
        blobs = LocalBlobStore(settings.blobs_path)
        stack.callback(blobs.close)
        yield DecisionService(_kit(settings, PgUnitOfWork(pool), blobs))


@asynccontextmanager
async def open_hub(settings: Settings) -> AsyncIterator[Hub]:
    """Build a node and yield it; whatever was started is stopped at the end of the block."""
    async with AsyncExitStack() as stack:
        prepare_home(settings)
        dsn = await stack.enter_async_context(open_database(settings, upgrade=False))
        pool = await create_pool(
            dsn,
            size=settings.pool_size,
            application_name="lienthong",
            statement_timeout_s=settings.statement_timeout_s,
            lock_timeout_s=settings.lock_timeout_s,
        )
        stack.push_async_callback(pool.close)
        blobs = LocalBlobStore(settings.blobs_path)
        stack.callback(blobs.close)
        # Only the embedded database's lock says that no other node works in this home.
        alone = settings.database_url is None and not settings.blobs_shared
        await blobs.clear_spools(timedelta(0) if alone else SHARED_SPOOL_AGE)
        verifier = VerifierPool(
            workers=settings.verify_workers,
            timeout_s=settings.verify_timeout_s,
            memory_bytes=settings.verify_memory_bytes,
            trust_folder=trust_folder(settings),
        )
        await stack.enter_async_context(verifier)
        bell = Bell()
        uow = PgUnitOfWork(pool, on_commit=bell.ring)
        broker = await stack.enter_async_context(_open_broker(settings, uow))
        yield await _assemble(
            settings, uow=uow, blobs=blobs, verifier=verifier, bell=bell, dsn=dsn, broker=broker
        )


@asynccontextmanager
async def _open_broker(settings: Settings, uow: PgUnitOfWork) -> AsyncIterator[Broker]:
    if settings.broker_url is None:
        yield InProcessBroker(_due_rows(uow))
        return
    url = settings.broker_url.get_secret_value()
    broker = AmqpBroker(url, prefix=settings.broker_prefix, node=f"lienthong {socket.gethostname()}")
    try:
        await broker.start()
        yield broker
    finally:
        await broker.stop()


async def _assemble(
    settings: Settings,
    *,
    uow: PgUnitOfWork,
    blobs: LocalBlobStore,
    verifier: VerifierPool,
    bell: Bell,
    dsn: str,
    broker: Broker | None = None,
) -> Hub:
    node = f"{socket.gethostname()}:{settings.home}"
    async with uow.begin() as tx:
        await tx.housekeeping.ensure_partitions()
        await tx.tasks.take_back(node)
    kit = _kit(settings, uow, blobs)
    listener = InboxListener(dsn)
    broker = broker or InProcessBroker(_due_rows(uow))
    services = _services(settings, kit, listener)
    motions = Motions(
        pump=OutboxPump(uow, broker, kit.failpoints),
        numbering=Numbering(uow),
        sweeper=Sweeper(kit, broker),
        housekeeping=Housekeeping(kit),
        verification=VerificationService(
            kit=kit,
            verifier=verifier,
            pages=verifier,
            limits=_format_limits(settings),
            owner=node,
        ),
        dead_letters=DeadLetters(uow),
        listen=listener.run,
    )
    loops = Loops(motions, bell=bell, broker=broker, verify_workers=settings.verify_workers)
    return Hub(
        app=create_app(services),
        loops=loops,
        registry=_registry(settings, uow, kit.ids),
        decisions=DecisionService(kit),
        settings=settings,
    )


def _kit(settings: Settings, uow: UnitOfWork, blobs: LocalBlobStore) -> Kit:
    ids = _ids()
    return Kit(
        uow=uow,
        blobs=blobs,
        ids=ids,
        journal=Journal(ids),
        sealer=FileSealer.open_or_create(settings.keys_path),
        failpoints=Failpoints(settings.failpoint),
        hub_code=settings.hub_code,
        metrics=Metrics(version=__version__),
        rules=_rules(settings),
    )


def _services(settings: Settings, kit: Kit, listener: InboxListener) -> Services:
    directory = DirectorySnapshot(kit.uow, _suffixes(settings))
    limits = settings.limits
    health = HealthService(kit)
    intake = IntakeService(
        kit=kit,
        directory=directory,
        commit=IntakeCommit(kit),
        slots=Slots(per_node=limits.intake_per_node, per_system=limits.intake_per_system),
        limits=IntakeLimits(max_bytes=limits.body_bytes, format=_format_limits(settings)),
        health=health,
    )
    follow = FollowService(kit.uow, kit.blobs)
    statuses = StatusService(follow, intake, directory)
    return Services(
        access=AccessService(kit.uow),
        intake=intake,
        inbox=InboxService(kit),
        statuses=statuses,
        recalls=RecallService(kit, follow, statuses),
        follow=follow,
        directory=directory,
        health=health,
        sealer=kit.sealer,
        wakeups=listener,
        compose=ComposeService(intake, directory),
        blobs=kit.blobs,
        max_body_bytes=limits.body_bytes,
        max_attachments=limits.attachments,
        metrics=kit.metrics,
        rules=kit.rules,
    )


def _registry(settings: Settings, uow: UnitOfWork, ids: Uuid7Factory) -> RegistryService:
    grace = timedelta(days=settings.api_key_grace_days)
    return RegistryService(uow, ids, _suffixes(settings), key_grace=grace)


def _rules(settings: Settings) -> Rules:
    limits, leases = settings.limits, settings.leases
    return Rules(
        deadlines={
            priority: Allowance(alert=alert, evidence=evidence)
            for priority in range(len(settings.deadlines.alert_s))
            for alert, evidence in [settings.deadlines.of(priority)]
        },
        recipient_leases=LeaseRules(
            length=timedelta(seconds=leases.recipient_s),
            least=timedelta(seconds=leases.recipient_min_s),
            most=timedelta(seconds=leases.recipient_max_s),
        ),
        worker_lease=timedelta(seconds=leases.worker_s),
        worker_renew=timedelta(seconds=leases.renew_s),
        neglected_after=timedelta(seconds=leases.sweep_after_s),
        parked_for=timedelta(seconds=limits.parked_status_s),
        key_retention=timedelta(days=settings.intake_key_days),
        long_poll_s=int(limits.long_poll_s),
        inbox_page=limits.inbox_page,
        transfer=TransferRules(
            min_rate=limits.min_rate_bytes, window_s=limits.min_rate_window_s, request_s=limits.request_s
        ),
        floor=IntakeFloor(
            disk_share=limits.disk_free_ratio,
            disk_bytes=limits.disk_free_bytes,
            backlog=limits.verify_backlog,
            backlog_age=timedelta(seconds=limits.verify_backlog_age_s),
        ),
    )


def trust_folder(settings: Settings) -> Path:
    """Return the folder of trusted CA certificates; an empty one trusts nobody.

    Raises:
        TrustUnusable: a file in it cannot be read. Workers would die of it, one after another.
    """
    folder = settings.trust_path
    try:
        folder.mkdir(mode=HOME_MODE, parents=True, exist_ok=True)
        TrustStore.from_folder(folder)
    except (SigningError, ValueError, OSError) as error:
        raise TrustUnusable(folder, str(error)) from error
    return folder


def _ids() -> Uuid7Factory:
    return Uuid7Factory(lambda: time.time_ns() // 1_000_000, secrets.token_bytes)


def _suffixes(settings: Settings) -> frozenset[str]:
    return frozenset(settings.province_codes)


def _format_limits(settings: Settings) -> FormatLimits:
    limits = settings.limits
    return FormatLimits(
        message_bytes=limits.body_bytes,
        attachments=limits.attachments,
        attachment_bytes=limits.attachment_bytes,
        unzipped_bytes=limits.unzipped_bytes,
        unzip_ratio=limits.unzip_ratio,
        skeleton_bytes=limits.skeleton_bytes,
        depth=limits.depth,
        elements=limits.elements,
        recipients=limits.recipients,
    )


def _due_rows(uow: PgUnitOfWork) -> Callable[[str, int], Awaitable[Sequence[UUID]]]:
    async def due(topic: str, limit: int) -> Sequence[UUID]:
        kind, _, lane = topic.partition(".")
        async with uow.read() as query:
            return await query.tasks.due(kind, lane, limit)

    return due


async def serve_until(hub: Hub, stop: asyncio.Event, *, on_ready: Callable[[str], None]) -> None:
    """Serve HTTP and run the loops until `stop` is set, then finish what is under way and return.

    Args:
        on_ready: called with the address once calls are answered.

    A stop lets calls end (long-polls answer at once), then ends the loops; whatever they had leased is
    given back or comes back when its lease ends.
    """
    async with asyncio.TaskGroup() as group:
        loops = group.create_task(hub.loops.run(), name="loops")
        settings = hub.settings
        async with serve_http(
            hub.app, host=settings.http_host, port=settings.http_port, drain_s=settings.limits.drain_s
        ) as url:
            on_ready(settings.public_url or url)
            stopping = group.create_task(stop.wait(), name="stop")
            await asyncio.wait((stopping, loops), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        loops.cancel()
