"""The kind of adapter `webhook`, with its secrets.

hmac    the secret of signatures, at least 16 bytes; needed. Two are valid while one is replaced
bearer  sent as `Authorization: Bearer …`, for servers behind a gateway that asks for a token
client  certificate and private key (PEM, together), shown to servers that ask for one
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import Final

from adapters.options import refuse
from adapters.webhook.exit import WebhookExit
from adapters.webhook.settings import WebhookSettings, read
from hub.ports.exits import Exit, SettingProblem
from hub.ports.records import SystemRecord

WEBHOOK: Final = "webhook"
HMAC: Final = "hmac"
BEARER: Final = "bearer"
CLIENT: Final = "client"
HMAC_LEAST_BYTES: Final = 16


class WebhookKind:
    """Implements `ExitKind`."""

    name = WEBHOOK
    secret_names: tuple[str, ...] = (HMAC, BEARER, CLIENT)

    def check(self, settings: Mapping[str, str]) -> tuple[SettingProblem, ...]:
        """Say what is wrong with settings."""
        return read(settings)[1]

    def open(
        self,
        system: SystemRecord,  # noqa: ARG002 (the settings say it all)
        settings: Mapping[str, str],
        secrets: Mapping[str, tuple[bytes, ...]],
    ) -> Exit:
        """Build the exit of a system. Raises ValueError."""
        found, problems = read(settings)
        refuse(problems)
        assert found is not None
        hmac_secrets = secrets.get(HMAC, ())
        if not hmac_secrets or any(len(secret) < HMAC_LEAST_BYTES for secret in hmac_secrets):
            raise ValueError(f"{HMAC}: a secret of at least {HMAC_LEAST_BYTES} bytes is needed")
        return WebhookExit(
            found,
            hmac_secrets=hmac_secrets,
            bearer=_bearer(secrets),
            tls=_tls(found, secrets.get(CLIENT, ())),
        )


def _bearer(secrets: Mapping[str, tuple[bytes, ...]]) -> str | None:
    newest = next(iter(secrets.get(BEARER, ())), None)
    if newest is None:
        return None
    text = newest.decode("ascii", "replace").strip()
    if not text.isascii() or not text.isprintable() or not text:
        raise ValueError(f"{BEARER}: not a token")
    return text


def _tls(settings: WebhookSettings, client: tuple[bytes, ...]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError("ca_file: holds no certificates that can be read") from error
    if client:
        # The library reads keys from files alone: this one is memory, and gone at the end of the block.
        with os.fdopen(os.memfd_create("client"), "wb") as file:
            file.write(client[0])
            file.flush()
            try:
                context.load_cert_chain(f"/proc/self/fd/{file.fileno()}", password="")
            except (OSError, ssl.SSLError) as error:
                raise ValueError(f"{CLIENT}: not a certificate with its private key, in PEM") from error
    return context
