"""The relay to the national exchange, put together: its exit, its poller, and its administrator's desk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from uuid import UUID

import structlog

from adapters.vxp.endpoint import ClientLimits
from adapters.vxp.national import NationalKind
from adapters.vxp.poller import Poller
from hub.bootstrap.blobs import open_blobs
from hub.bootstrap.values import suffixes_of
from hub.config import Settings
from hub.embedded.postgres import EmbeddedPostgres
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable, UnitOfWork
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.exits import Exits
from hub.services.intake import IntakeService
from hub.services.kit import Kit
from hub.services.relay import Reception
from hub.services.relay_desk import RelayDesk
from hub.services.relay_directory import DirectorySync
from hub.services.relay_round import RelayRounds, RelayRules
from hub.storage.migrate import migrate
from hub.storage.pool import create_pool
from hub.storage.unit_of_work import PgUnitOfWork

log = structlog.get_logger(__name__)


def relay_rules_of(settings: Settings) -> RelayRules:
    relay = settings.relay
    every = timedelta(hours=relay.directory_every_hours)
    return RelayRules(
        interval=timedelta(seconds=relay.interval_s),
        lease=timedelta(seconds=relay.lease_s),
        overlap=timedelta(days=relay.overlap_days),
        silence=timedelta(hours=relay.silence_hours),
        sent_every=timedelta(seconds=relay.sent_every_s),
        directory_every=every if relay.directory_sync else None,
        retry_most=timedelta(seconds=relay.retry_most_s),
    )


def national_kind(settings: Settings, uow: UnitOfWork) -> NationalKind:
    """Return the kind of exit to the national exchange."""
    relay = settings.relay

    async def keep(system_id: UUID, reference: str, delivery_ids: Collection[UUID]) -> None:
        # Without it only the news of how far recipients are is lost, not the document.
        try:
            async with uow.begin() as tx:
                await tx.relay.note_reference(system_id, reference, delivery_ids)
        except (DatabaseUnavailable, CommitUnknown):
            log.warning("reference_not_noted", reference=reference)

    limits = ClientLimits(
        connect_s=relay.connect_s,
        call_s=relay.call_s,
        transfer_s=relay.transfer_s,
        stalled_s=relay.stalled_s,
        document_bytes=relay.document_bytes,
    )
    return NationalKind(keep, limits)


def make_poller(
    settings: Settings,
    kit: Kit,
    *,
    intake: IntakeService,
    directory: DirectorySnapshot,
    exits: Exits,
    owner: str,
) -> Poller:
    """Return what polls the exchanges of this hub."""
    rules = relay_rules_of(settings)
    sync = DirectorySync(kit, suffixes_of(settings), most_gone=settings.relay.directory_gone_share)
    rounds = RelayRounds(kit, Reception(kit, intake, directory), sync, rules)
    return Poller(kit, exits, rounds, rules, owner=owner, breaker=kit.rules.push.breaker)


@asynccontextmanager
async def open_relay_desk(settings: Settings) -> AsyncIterator[RelayDesk]:
    """Yield what people decide about packages of the exchange, without a node: a running one acts on it."""
    async with AsyncExitStack() as stack:
        if settings.database_url is None:
            dsn = await stack.enter_async_context(EmbeddedPostgres.borrow(settings.home))
            await migrate(dsn)
        else:
            dsn = settings.database_url.get_secret_value()
        pool = await create_pool(dsn, size=2, application_name="lienthong-command")
        stack.push_async_callback(pool.close)
        blobs = open_blobs(settings)
        stack.callback(blobs.close)
        yield RelayDesk(PgUnitOfWork(pool), blobs)
