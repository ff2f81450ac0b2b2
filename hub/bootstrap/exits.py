"""Exits of a node: the kinds of adapters that hand deliveries over, and the box of their secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from adapters.amqp_push.kind import AmqpPushKind
from adapters.amqp_push.returned import ReturnedEnvelopes
from adapters.amqp_push.topology import OutPlan
from adapters.registry import collect
from adapters.webhook.kind import WebhookKind
from hub.bootstrap.database import borrowed_pool
from hub.bootstrap.folders import folder_kinds
from hub.bootstrap.relay import national_kind
from hub.config import Settings
from hub.ports.broker import Broker
from hub.ports.exits import ExitKind
from hub.ports.unit_of_work import UnitOfWork
from hub.services.adapters import AdapterService
from hub.services.exits import Exits
from hub.services.kit import Kit
from hub.services.push import PushService
from hub.storage.secret_box import FileSecretBox
from hub.storage.unit_of_work import PgUnitOfWork
from hub.workers.loops import Loop
from hub.workers.push import PushLanes


def make_exit_kinds(settings: Settings, uow: UnitOfWork) -> Mapping[str, ExitKind]:
    """Return the kinds of exits by name. A new adapter has its line here."""
    return collect(
        (
            WebhookKind(),
            _amqp_push(settings),
            national_kind(settings, uow),
            *folder_kinds(settings),
        )
    )


def _amqp_push(settings: Settings) -> AmqpPushKind:
    return AmqpPushKind(
        broker_url=settings.broker_url.get_secret_value() if settings.broker_url is not None else None,
        prefix=settings.broker_prefix,
        hub_url=settings.public_url or "",
        lasts=timedelta(seconds=settings.push.unconfirmed_s),
    )


def make_adapters(settings: Settings, uow: UnitOfWork) -> AdapterService:
    """Return what administrators may do about adapters and their secrets.

    Raises:
        SecretKeyError: the key file of secrets cannot be used.
    """
    return AdapterService(
        uow=uow,
        box=FileSecretBox.open_or_create(settings.secrets_key_path),
        kinds=make_exit_kinds(settings, uow),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushing:
    """What a node needs to push: attempts, the lanes that run them, and the administrators' part."""

    service: PushService
    lanes: PushLanes
    adapters: AdapterService
    exits: Exits
    returned: ReturnedEnvelopes | None

    @property
    def loops(self) -> Mapping[str, Loop]:
        """What runs on a node, by name."""
        loops = {"push": self.lanes.run}
        return loops if self.returned is None else loops | {"returned-envelopes": self.returned.run}


def make_pushing(settings: Settings, kit: Kit, broker: Broker, *, owner: str) -> Pushing:
    """Put delivery by push together. Raises SecretKeyError."""
    adapters = make_adapters(settings, kit.uow)
    exits = Exits(kit.uow, adapters)
    service = PushService(kit=kit, exits=exits, broker=broker, owner=owner)
    lanes = PushLanes(service, broker, places=kit.rules.push.places)
    returned = None
    if settings.broker_url is not None:
        plan = OutPlan(prefix=settings.broker_prefix)
        url = settings.broker_url.get_secret_value()
        returned = ReturnedEnvelopes(url, plan=plan, come_back=service.come_back)
    return Pushing(service=service, lanes=lanes, adapters=adapters, exits=exits, returned=returned)


@asynccontextmanager
async def open_adapters(settings: Settings) -> AsyncIterator[AdapterService]:
    """Yield what commands need to set adapters up, without a node: running ones notice by themselves."""
    async with borrowed_pool(settings) as pool:
        yield make_adapters(settings, PgUnitOfWork(pool))
