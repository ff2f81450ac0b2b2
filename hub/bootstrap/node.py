"""A node: database, blobs, verifier, broker, use cases, loops and the HTTP application."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from aiohttp import web

from adapters.folder.watch import FolderWatcher
from adapters.vxp.poller import Poller
from hub.bootstrap import bkav, signing
from hub.bootstrap.blobs import open_blobs
from hub.bootstrap.clock import refuse_shifted_clock
from hub.bootstrap.database import open_database, prepare_home
from hub.bootstrap.exits import Pushing, make_pushing
from hub.bootstrap.folders import make_folder_watcher
from hub.bootstrap.relay import make_poller
from hub.bootstrap.services import make_kit, make_registry, make_services
from hub.bootstrap.signatures import make_verdicts, make_verification
from hub.bootstrap.trust import online_rules
from hub.bootstrap.values import trust_folder
from hub.bootstrap.vxp import hang_in
from hub.broker.amqp import AmqpBroker
from hub.broker.in_process import PEER_TOPICS, InProcessBroker
from hub.config import Settings
from hub.observability.metrics import Metrics
from hub.ports.blobs import BlobStore
from hub.ports.broker import Broker
from hub.services.dead_letters import DeadLetters
from hub.services.decisions import DecisionService
from hub.services.event_publisher import EventPublisher
from hub.services.housekeeping import Housekeeping
from hub.services.numbering import Numbering
from hub.services.outbox_pump import OutboxPump
from hub.services.registry import RegistryService
from hub.services.succession import Succession
from hub.services.sweeper import Sweeper
from hub.services.verdicts import Workers
from hub.storage.listener import InboxListener
from hub.storage.pool import create_pool
from hub.storage.unit_of_work import PgUnitOfWork
from hub.web.app import create_app
from hub.workers.loops import Bell, Loop, Loops, Motions, repeat
from hub.workers.verifier_pool import VerifierPool

TELL_EVERY_S = 0.5
KEEP_UP_EVERY_S = 30.0
SHARED_SPOOL_AGE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A node, ready to serve: its HTTP application, its loops, and what commands need of it."""

    app: web.Application
    loops: Loops
    registry: RegistryService
    decisions: DecisionService
    pushing: Pushing
    poller: Poller
    folders: FolderWatcher
    succession: Succession
    settings: Settings


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
        await refuse_shifted_clock(settings, pool)
        blobs = open_blobs(settings)
        stack.callback(blobs.close)
        # Only the embedded database's lock says that no other node works in this home.
        alone = settings.database_url is None and not settings.blobs_shared
        await blobs.clear_spools(timedelta(0) if alone else SHARED_SPOOL_AGE)
        verifier = VerifierPool(
            workers=settings.verify_workers,
            timeout_s=settings.verify_timeout_s,
            memory_bytes=settings.verify_memory_bytes,
            trust_folder=trust_folder(settings),
            online=online_rules(settings) if settings.revocation.online else None,
        )
        await stack.enter_async_context(verifier)
        bell = Bell()
        uow = PgUnitOfWork(pool, on_commit=bell.ring)
        broker = await stack.enter_async_context(open_broker(settings, uow))
        yield await assemble(
            settings,
            uow=uow,
            blobs=blobs,
            verifier=make_verdicts(settings, verifier, uow),
            bell=bell,
            dsn=dsn,
            broker=broker,
        )


@asynccontextmanager
async def open_broker(settings: Settings, uow: PgUnitOfWork) -> AsyncIterator[Broker]:
    if settings.broker_url is None:
        yield InProcessBroker(due_rows(uow))
        return
    url = settings.broker_url.get_secret_value()
    broker = AmqpBroker(url, prefix=settings.broker_prefix, node=f"lienthong {socket.gethostname()}")
    try:
        await broker.start()
        yield broker
    finally:
        await broker.stop()


async def assemble(
    settings: Settings,
    *,
    uow: PgUnitOfWork,
    blobs: BlobStore,
    verifier: Workers,
    bell: Bell,
    dsn: str,
    broker: Broker | None = None,
) -> Hub:
    node = settings.node_name or f"{socket.gethostname()}:{settings.home}"
    async with uow.begin() as tx:
        await tx.housekeeping.ensure_partitions()
        await tx.tasks.take_back(node)
    kit = make_kit(settings, uow, blobs)
    listener = InboxListener(dsn)
    broker = broker or InProcessBroker(due_rows(uow))
    services = make_services(settings, kit, listener, verifier)
    succession = Succession(kit, services.directory, DecisionService(kit, services.directory))
    verification, second_looks = make_verification(settings, kit, verifier, services.directory, owner=node)
    motions = Motions(
        pump=OutboxPump(uow, broker, kit.failpoints, kit.metrics),
        numbering=Numbering(uow),
        sweeper=Sweeper(kit, broker, services.directory),
        housekeeping=Housekeeping(kit),
        verification=verification,
        second_looks=second_looks,
        dead_letters=DeadLetters(uow, kit.metrics),
        succession=succession,
        listen=listener.run,
    )
    pushing = make_pushing(settings, kit, broker, owner=node)
    poller = make_poller(
        settings,
        kit,
        intake=services.intake,
        directory=services.directory,
        exits=pushing.exits,
        owner=node,
    )
    folders = make_folder_watcher(
        kit, intake=services.intake, inbox=services.inbox, exits=pushing.exits, owner=node
    )
    loops = Loops(
        motions,
        bell=bell,
        broker=broker,
        verify_workers=settings.verify_workers,
        also={
            **pushing.loops,
            "events": telling(uow, broker, kit.metrics),
            "relay": poller.run,
            "folders": folders.run,
        },
    )
    app = create_app(services)
    hang_in(app, settings, kit, services)
    bkav.hang_in(app, settings, kit, services)
    signing.hang_in(app, settings, kit)
    return Hub(
        app=app,
        loops=loops,
        registry=make_registry(settings, uow, kit.ids),
        decisions=DecisionService(kit, services.directory),
        pushing=pushing,
        poller=poller,
        folders=folders,
        succession=succession,
        settings=settings,
    )


def telling(uow: PgUnitOfWork, broker: Broker, metrics: Metrics) -> Loop:
    """Return the loop that tells numbered events to outsiders; without a broker it only keeps up."""
    teller = broker if isinstance(broker, AmqpBroker) else None
    publisher = EventPublisher(uow, teller, metrics)

    async def pause() -> None:
        await asyncio.sleep(TELL_EVERY_S if teller is not None else KEEP_UP_EVERY_S)

    return lambda: repeat("events", publisher.tell, pause=pause)


def due_rows(uow: PgUnitOfWork) -> Callable[[str, int], Awaitable[Sequence[UUID]]]:
    async def due(topic: str, limit: int) -> Sequence[UUID]:
        kind, _, lane = topic.rpartition(".")
        async with uow.read() as query:
            if kind.startswith(PEER_TOPICS):
                return await query.peers.due(UUID(kind.removeprefix(PEER_TOPICS)), lane, limit)
            return await query.tasks.due(kind, lane, limit)

    return due
