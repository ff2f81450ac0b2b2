"""Signing for systems, hung into the node's HTTP application where settings offer it."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from hub.bootstrap.trust import online_rules
from hub.bootstrap.values import trust_folder
from hub.config import Settings
from hub.config.signing import SigningKey
from hub.services.kit import Kit
from hub.services.signing import SigningRights, SigningService
from hub.services.slots import Slots
from hub.storage.secret_box import FileSecretBox, SecretKeyError
from hub.web.api.signing import SIGNING
from hub.workers.signer_pool import SignerPool
from hub.workers.signer_wire import Bench
from signing.key_ring import KeyPlace

PLACES_PER_WORKER = 4


def hang_in(app: web.Application, settings: Settings, kit: Kit) -> None:
    """Offer signing, unless no key and no system is named.

    Raises:
        SecretKeyError: the key file of secrets, or a file with a passphrase or PIN, cannot be read.
    """
    chosen = settings.signing
    if not chosen.offered:
        return
    pool = SignerPool(_bench(settings), workers=chosen.workers, timeout_s=chosen.timeout_s)
    app[SIGNING] = SigningService(
        uow=kit.uow,
        ids=kit.ids,
        signer=pool,
        slots=Slots(
            per_node=chosen.workers * PLACES_PER_WORKER, per_system=chosen.per_system, full="signing_busy"
        ),
        box=FileSecretBox.open_or_create(settings.secrets_key_path),
        rights=SigningRights(
            keys={key.name: frozenset(key.systems) for key in chosen.keys},
            preparers=frozenset(chosen.systems),
        ),
        max_bytes=chosen.max_bytes,
    )

    async def stop(_app: web.Application) -> None:
        await pool.stop()

    app.on_cleanup.append(stop)


def _bench(settings: Settings) -> Bench:
    chosen = settings.signing
    return Bench(
        keys=tuple(_place(key) for key in chosen.keys),
        authorities=chosen.tsa,
        authority_seconds=chosen.tsa_seconds,
        policies=frozenset(chosen.tsa_policies),
        trust=trust_folder(settings),
        online=online_rules(settings) if settings.revocation.online else None,
        memory_bytes=chosen.memory_bytes,
    )


def _place(key: SigningKey) -> KeyPlace:
    secret = key.secret.get_secret_value().encode() if key.secret is not None else None
    if key.secret_file is not None:
        secret = _read(key.secret_file)
    return KeyPlace(name=key.name, key=key.key, certificate=key.certificate, secret=secret)


def _read(path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise SecretKeyError(f"{path}: {error.strerror}") from error
