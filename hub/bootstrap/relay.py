"""The relay to the national exchange, put together: its exit, its poller, and its administrator's desk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from uuid import UUID

import structlog

from adapters.registry import collect
from adapters.vxp.endpoint import ClientLimits
from adapters.vxp.national import NationalExit, NationalKind
from adapters.vxp.poller import Poller
from hub.bootstrap.blobs import open_blobs
from hub.bootstrap.database import borrowed_pool
from hub.bootstrap.values import make_ids, suffixes_of
from hub.config import Settings
from hub.ports.national import ExchangeError
from hub.ports.records import SystemRecord
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable, UnitOfWork
from hub.services.adapters import AdapterService
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.exits import Exits
from hub.services.intake import IntakeService
from hub.services.kit import Kit
from hub.services.registry import RegistryError
from hub.services.relay import Reception
from hub.services.relay_desk import RelayDesk
from hub.services.relay_directory import DirectorySync, SyncPlan
from hub.services.relay_round import RelayRounds, RelayRules
from hub.storage.secret_box import FileSecretBox
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
    sync = DirectorySync(kit.uow, kit.ids, suffixes_of(settings), settings.relay.directory_gone_share)
    rounds = RelayRounds(kit, Reception(kit, intake, directory), sync, rules)
    return Poller(kit, exits, rounds, rules, owner=owner, breaker=kit.rules.push.breaker)


@asynccontextmanager
async def open_relay_desk(settings: Settings) -> AsyncIterator[RelayDesk]:
    """Yield what people decide about packages of the exchange, without a node: a running one acts on it."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(borrowed_pool(settings))
        blobs = open_blobs(settings)
        stack.callback(blobs.close)
        yield RelayDesk(PgUnitOfWork(pool), blobs)


DirectoryCommand = Callable[[bool, bool], Awaitable[tuple[SyncPlan, ...]]]


@asynccontextmanager
async def open_relay_directory(settings: Settings) -> AsyncIterator[DirectoryCommand]:
    """Yield what compares the exchanges' directories with ours: with True it also carries it out, with a
    second True even if too many agencies are gone."""
    async with AsyncExitStack() as stack:
        uow = PgUnitOfWork(await stack.enter_async_context(borrowed_pool(settings)))
        box = FileSecretBox.open_or_create(settings.secrets_key_path)
        adapters = AdapterService(uow=uow, box=box, kinds=collect((national_kind(settings, uow),)))
        exits = Exits(uow, adapters)
        stack.push_async_callback(exits.close)
        sync = DirectorySync(uow, make_ids(), suffixes_of(settings), settings.relay.directory_gone_share)
        every = timedelta(hours=settings.relay.directory_every_hours)

        async def run(apply: bool, force: bool) -> tuple[SyncPlan, ...]:
            async with uow.read() as query:
                systems = await query.relay.exchanges()
            plans = []
            for system in systems:
                async with exits.of(system) as exit_:
                    if not isinstance(exit_, NationalExit):
                        raise _unreachable(system, "adapter_unusable")
                    exchange = exit_.exchange
                    try:
                        if apply:
                            plans.append(await sync.sync(exchange, system.id, every=every, force=force))
                        else:
                            plans.append(await sync.preview(exchange, system.id))
                    except ExchangeError as error:
                        raise _unreachable(system, error.code) from error
            return tuple(plans)

        yield run


def _unreachable(system: SystemRecord, code: str) -> RegistryError:
    return RegistryError(
        "exchange_unreachable",
        f"Không hỏi được trục quốc gia qua “{system.name}”: {code}. Xem `lienthong relay status`.",
        f"The exchange behind {system.name!r} could not be asked: {code}. See `lienthong relay status`.",
    )
