"""The national exchange's client API, hung into the node's HTTP application."""

from __future__ import annotations

from aiohttp import web

from adapters.vxp.operations import OperationName
from adapters.vxp.server import Paths, VxpServer
from adapters.vxp.server_agencies import AgencyOperations
from adapters.vxp.server_directory import DirectoryLists
from adapters.vxp.server_mail import MailOperations
from adapters.vxp.server_send import SendOperation
from hub.bootstrap.entrances import hang, packages_of, transfers_of
from hub.bootstrap.values import make_ids, suffixes_of
from hub.config import Settings
from hub.domain.adapters import VXP
from hub.services.directory_admin import DirectoryAdmin
from hub.services.kit import Kit
from hub.services.shared_secrets import SharedSecrets
from hub.services.sub_agencies import SubAgencies
from hub.storage.secret_box import FileSecretBox
from hub.web.keys import Services


def hang_in(app: web.Application, settings: Settings, kit: Kit, services: Services) -> None:
    """Add the operations to the application, unless settings say otherwise.

    Raises:
        SecretKeyError: the key file of secrets cannot be used.
    """
    if not settings.vxp.enabled:
        return
    server = make_server(settings, kit, services)
    hang(app, Paths(settings.vxp.base_path), server.handle)


def make_server(settings: Settings, kit: Kit, services: Services) -> VxpServer:
    """Put the server side together."""
    transfers = transfers_of(services)
    mail = MailOperations(packages_of(kit, services), transfers)
    send = SendOperation(
        uow=kit.uow, intake=services.intake, directory=services.directory, transfers=transfers
    )
    lists = DirectoryLists(
        uow=kit.uow, directory=services.directory, transfers=transfers, hub_code=settings.hub_code
    )
    admin = DirectoryAdmin(kit.uow, make_ids(), suffixes_of(settings))
    sub_agencies = SubAgencies(uow=kit.uow, admin=admin, directory=services.directory)
    agencies = AgencyOperations(sub_agencies, services.directory, transfers)
    return VxpServer(
        uow=kit.uow,
        members=SharedSecrets(
            uow=kit.uow, box=FileSecretBox.open_or_create(settings.secrets_key_path), secret=VXP
        ),
        access=services.access,
        rates=services.rates,
        transfers=transfers,
        operations={
            OperationName.RECEIVED_LIST: mail.received_list,
            OperationName.SENT_LIST: mail.sent_list,
            OperationName.SEND: send.send,
            OperationName.GET: mail.get,
            OperationName.DOWNLOAD: mail.download,
            OperationName.UPDATE_STATUS: mail.update_status,
            OperationName.COUNT_DOCUMENTS: mail.count_documents,
            OperationName.COUNT_STATUSES: mail.count_statuses,
            OperationName.AGENCIES: lists.agencies,
            OperationName.AGENCIES_QD20: lists.agencies_qd20,
            OperationName.UNITS: lists.units,
            OperationName.REGISTER_AGENCY: agencies.register,
            OperationName.DELETE_AGENCY: agencies.delete,
        },
    )
