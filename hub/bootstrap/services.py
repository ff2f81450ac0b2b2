"""The use cases of a node, put together."""

from __future__ import annotations

from datetime import timedelta

from hub import __version__
from hub.bootstrap.entrance import peers_of
from hub.bootstrap.signatures import make_signature_service
from hub.bootstrap.values import format_limits_of, make_ids, rules_of, suffixes_of
from hub.config import Settings
from hub.domain.ids import Uuid7Factory
from hub.observability.failpoints import Failpoints
from hub.observability.metrics import Metrics
from hub.ports.blobs import BlobStore
from hub.ports.unit_of_work import UnitOfWork
from hub.services.access import AccessService
from hub.services.call_rates import CallRates
from hub.services.compose import ComposeService
from hub.services.decisions import DecisionService
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.follow import FollowService
from hub.services.health import HealthService
from hub.services.inbox import InboxService
from hub.services.intake import IntakeLimits, IntakeService
from hub.services.intake_commit import IntakeCommit
from hub.services.journal import Journal
from hub.services.kit import Kit
from hub.services.quiet_inboxes import QuietInboxes
from hub.services.recall import RecallService
from hub.services.registry import RegistryService
from hub.services.replay import ReplayService
from hub.services.slots import Slots
from hub.services.statuses import StatusService
from hub.services.validator import ValidatorService
from hub.services.verdicts import Workers
from hub.storage.listener import InboxListener
from hub.storage.seal_keys import FileSealer
from hub.web.keys import Services


def make_kit(settings: Settings, uow: UnitOfWork, blobs: BlobStore) -> Kit:
    ids = make_ids()
    return Kit(
        uow=uow,
        blobs=blobs,
        ids=ids,
        journal=Journal(ids),
        sealer=FileSealer.open_or_create(settings.keys_path),
        failpoints=Failpoints(settings.failpoint),
        hub_code=settings.hub_code,
        metrics=Metrics(version=__version__),
        rules=rules_of(settings),
    )


def make_services(settings: Settings, kit: Kit, listener: InboxListener, workers: Workers) -> Services:
    directory = DirectorySnapshot(kit.uow, suffixes_of(settings))
    limits = settings.limits
    health = HealthService(kit)
    slots = Slots(per_node=limits.intake_per_node, per_system=limits.intake_per_system)
    intake = IntakeService(
        kit=kit,
        directory=directory,
        commit=IntakeCommit(kit),
        slots=slots,
        limits=IntakeLimits(max_bytes=limits.body_bytes, format=format_limits_of(settings)),
        health=health,
    )
    follow = FollowService(kit.uow, kit.blobs)
    statuses = StatusService(follow, intake, directory)
    quiet = QuietInboxes(kit.uow)
    listener.observe(quiet)
    return Services(
        access=AccessService(kit.uow),
        intake=intake,
        rates=CallRates(
            calls_per_minute=limits.calls_per_minute, empty_polls_per_minute=limits.empty_polls_per_minute
        ),
        inbox=InboxService(kit, quiet),
        decisions=DecisionService(kit, directory),
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
        validator=ValidatorService(
            uow=kit.uow,
            blobs=kit.blobs,
            slots=slots,
            max_bytes=limits.body_bytes,
            limits=format_limits_of(settings),
        ),
        replay=ReplayService(kit),
        rules=kit.rules,
        peers=peers_of(settings),
        signatures=make_signature_service(settings, kit, workers, follow),
    )


def make_registry(settings: Settings, uow: UnitOfWork, ids: Uuid7Factory) -> RegistryService:
    grace = timedelta(days=settings.api_key_grace_days)
    return RegistryService(uow, ids, suffixes_of(settings), key_grace=grace)
