"""The Bkav eDoc REST dialect, hung into the node's HTTP application."""

from __future__ import annotations

from aiohttp import web

from adapters.bkav.operations import FRAME, Mail, Organizations
from adapters.bkav.server import BkavServer, OperationName, Paths
from adapters.packed_lists import PackedLists
from hub.bootstrap.entrances import hang, packages_of, transfers_of
from hub.config import Settings
from hub.domain.adapters import BKAV
from hub.services.kit import Kit
from hub.services.shared_secrets import SharedSecrets
from hub.storage.secret_box import FileSecretBox
from hub.web.keys import Services


def hang_in(app: web.Application, settings: Settings, kit: Kit, services: Services) -> None:
    """Add the operations to the application, unless settings say otherwise.

    Raises:
        SecretKeyError: the key file of secrets cannot be used.
    """
    if not settings.bkav.enabled:
        return
    server = make_server(settings, kit, services)
    hang(app, Paths(settings.bkav.base_path), server.handle)


def make_server(settings: Settings, kit: Kit, services: Services) -> BkavServer:
    """Put the server side together."""
    transfers = transfers_of(services)
    packages = packages_of(kit, services)
    mail = Mail(packages=packages, intake=services.intake, transfers=transfers)
    lists = PackedLists(uow=kit.uow, directory=services.directory, frame=FRAME, hub_code=settings.hub_code)
    others = Organizations(packages=packages, directory=services.directory, lists=lists, transfers=transfers)
    box = FileSecretBox.open_or_create(settings.secrets_key_path)
    return BkavServer(
        members=SharedSecrets(uow=kit.uow, box=box, secret=BKAV),
        directory=services.directory,
        access=services.access,
        rates=services.rates,
        transfers=transfers,
        operations={
            OperationName.SEND: mail.send,
            OperationName.PENDING: mail.pending,
            OperationName.GET: mail.get,
            OperationName.CONFIRM: mail.confirm,
            OperationName.ORGANIZATIONS: others.organizations,
            OperationName.EXISTS: others.exists,
        },
    )
