"""How a system is reached: its adapter, the adapter's settings and secrets, kept by administrators.

Settings are checked by the kind of exit before they are stored; secrets are sealed with the system and the
name as context and never shown again. A change takes effect with the next attempt on every node: exits are
built anew when settings or secrets differ. When a system changes from fetching to being pushed to, or back,
its open deliveries follow by themselves (triggers of the schema).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from hub.domain.adapters import CLIENT_SECRETS, PULL_ADAPTERS, REST_PULL
from hub.ports.exits import Exit, ExitKind, Failed
from hub.ports.peers import PeerState
from hub.ports.records import SystemRecord
from hub.ports.secrets import SecretBox, SecretUnreadable
from hub.ports.unit_of_work import Transaction, UnitOfWork
from hub.services.registry import RegistryError

SECRET_GRACE: Final = timedelta(days=7)
SECRET_MOST_BYTES: Final = 64 * 1024
GENERATED_BYTES: Final = 32
SETTINGS_MOST: Final = 50
SETTING_MOST_CHARACTERS: Final = 4_000


SealedSecrets = tuple[tuple[str, tuple[bytes, ...]], ...]
"""Sealed secrets by name, newest first."""


def secret_context(system: SystemRecord, name: str) -> str:
    """Return what a secret's seal is bound to."""
    return f"system:{system.id}:{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterView:
    """A system's adapter as an administrator sees it: of secrets only their names."""

    system: SystemRecord
    secret_names: tuple[str, ...]
    possible_secrets: tuple[str, ...]

    @property
    def settings(self) -> dict[str, str]:
        """The adapter's settings by name."""
        return dict(self.system.settings)


class ExitUnusable(Exception):
    """An exit cannot be built from a system's settings and secrets; the text is for the administrator."""


class AdapterService:
    """What administrators may do about the adapters of systems."""

    def __init__(self, *, uow: UnitOfWork, box: SecretBox, kinds: Mapping[str, ExitKind]) -> None:
        self._uow = uow
        self._box = box
        self._kinds = kinds

    @property
    def names(self) -> tuple[str, ...]:
        """The adapters that a system may have."""
        return tuple(sorted({*PULL_ADAPTERS, *self._kinds}))

    async def show(self, name: str) -> AdapterView:
        """Return a system's adapter. Raises RegistryError `system_unknown`."""
        async with self._uow.read() as query:
            system = await _system(query, name)
            return await self._view(query, system)

    async def configure(
        self, name: str, *, adapter: str | None = None, settings: Mapping[str, str | None] | None = None
    ) -> AdapterView:
        """Give a system another adapter or other settings; None as a value takes a setting away.

        With another adapter its settings start anew; secrets stay, under their names.

        Raises:
            RegistryError: `system_unknown`, `adapter_unknown`, `adapter_settings_invalid`.
        """
        async with self._uow.begin() as tx:
            system = await _system(tx, name)
            chosen = adapter or system.adapter
            kept = dict(system.settings) if chosen == system.adapter else {}
            changed = kept | dict(settings or {})
            values = {key: value for key, value in changed.items() if value is not None}
            self._check(chosen, values)
            new = replace(system, adapter=chosen, settings=tuple(sorted(values.items())))
            await tx.systems.set_adapter(new.id, new.adapter, new.settings)
            await _start_anew(tx, new)
            return await self._view(tx, new)

    async def put_secret(
        self, name: str, secret: str, value: bytes, *, grace: timedelta = SECRET_GRACE
    ) -> None:
        """Seal and store a secret; the one before it stays valid for `grace`.

        Raises:
            RegistryError: `system_unknown`, `secret_unknown` (its adapter has none of this name),
                `secret_invalid` (empty or over 64 KB).
        """
        if not 0 < len(value) <= SECRET_MOST_BYTES:
            raise RegistryError(
                "secret_invalid",
                "Bí mật phải có từ 1 byte đến 64 KB.",
                "A secret has 1 byte to 64 KB.",
            )
        async with self._uow.begin() as tx:
            system = await _system(tx, name)
            self._known_secret(system, secret)
            sealed = self._box.seal(value, context=secret_context(system, secret))
            await tx.secrets.put(system.id, secret, sealed, grace=grace)
            await _start_anew(tx, system)

    async def make_secret(self, name: str, secret: str, *, grace: timedelta = SECRET_GRACE) -> str:
        """Make a secret of 256 random bits, store it and return it in base64url: shown once, kept nowhere
        else. Raises RegistryError as `put_secret`."""
        text = secrets.token_urlsafe(GENERATED_BYTES)
        await self.put_secret(name, secret, text.encode(), grace=grace)
        return text

    async def remove_secret(self, name: str, secret: str) -> None:
        """Forget a secret at once. Raises RegistryError `system_unknown`, `secret_unknown`."""
        async with self._uow.begin() as tx:
            system = await _system(tx, name)
            if secret not in await tx.secrets.names(system.id):
                raise _secret_unknown(secret, await tx.secrets.names(system.id))
            await tx.secrets.remove(system.id, secret)

    async def test(self, name: str) -> Failed | None:
        """Reach a system's peer without handing anything over; None: all is well, or it fetches itself.

        Raises:
            RegistryError: `system_unknown`, `adapter_unknown`.
        """
        async with self._uow.read() as query:
            system = await _system(query, name)
            if system.adapter in PULL_ADAPTERS:
                return None
            self._kind(system.adapter)
            sealed = await self.sealed(query, system)
        try:
            made = self.build(system, sealed)
        except ExitUnusable as error:
            return Failed(code="adapter_unusable", text=str(error))
        try:
            return await made.probe()
        finally:
            await made.close()

    async def retry_now(self, name: str) -> int:
        """Forget a peer's breaker and make all its waiting deliveries due; return how many were not yet.

        Raises:
            RegistryError: `system_unknown`.
        """
        async with self._uow.begin() as tx:
            return await _start_anew(tx, await _system(tx, name))

    async def peers(self) -> tuple[PeerState, ...]:
        """Return the peers that have failed last, with their breakers."""
        async with self._uow.read() as query:
            return await query.peers.states()

    async def sealed(self, query: Transaction, system: SystemRecord) -> SealedSecrets:
        """Return the sealed secrets that a system's exit is built with."""
        kind = self._kinds.get(system.adapter)
        names = kind.secret_names if kind is not None else ()
        return tuple([(name, await query.secrets.current(system.id, name)) for name in names])

    def build(self, system: SystemRecord, sealed: SealedSecrets) -> Exit:
        """Build the exit of a system.

        Raises:
            ExitUnusable: its adapter is unknown to this node, a setting is wrong or a secret does not open.
        """
        kind = self._kinds.get(system.adapter)
        if kind is None:
            raise ExitUnusable(f"this node knows no adapter {system.adapter!r}")
        try:
            opened = {
                name: tuple(self._box.open(each, context=secret_context(system, name)) for each in current)
                for name, current in sealed
                if current
            }
            return kind.open(system, dict(system.settings), opened)
        except SecretUnreadable as error:
            raise ExitUnusable(f"a secret cannot be opened: {error}") from error
        except ValueError as error:
            raise ExitUnusable(f"a setting or secret cannot be used: {error}") from error

    def _kind(self, adapter: str) -> ExitKind | None:
        if adapter in PULL_ADAPTERS:
            return None
        kind = self._kinds.get(adapter)
        if kind is None:
            known = ", ".join(self.names)
            raise RegistryError(
                "adapter_unknown",
                f"Không có bộ kết nối “{adapter}”. Các bộ kết nối: {known}.",
                f"There is no adapter {adapter!r}; known are {known}.",
            )
        return kind

    def _check(self, adapter: str, settings: Mapping[str, str]) -> None:
        kind = self._kind(adapter)
        if kind is None and adapter == REST_PULL and settings:
            raise _invalid(
                (
                    f"“{adapter}” không có thiết lập: {', '.join(sorted(settings))}",
                    f"{adapter!r} has no settings: {', '.join(sorted(settings))}",
                )
            )
        if len(settings) > SETTINGS_MOST or any(
            len(value) > SETTING_MOST_CHARACTERS for value in settings.values()
        ):
            raise _invalid(("quá nhiều hoặc quá dài", "too many, or too long"))
        if kind is None:
            return
        hidden = sorted(set(settings) & set(kind.secret_names))
        if hidden:
            raise _invalid(
                (
                    f"{', '.join(hidden)} là bí mật, hãy đặt bằng `lienthong system secret`",
                    f"{', '.join(hidden)} is a secret: use `lienthong system secret`",
                )
            )
        problems = kind.check(settings)
        if problems:
            raise _invalid(*((f"{p.name}: {p.vi}", f"{p.name}: {p.en}") for p in problems))

    def _known_secret(self, system: SystemRecord, secret: str) -> None:
        kind = self._kind(system.adapter)
        possible = (*(kind.secret_names if kind is not None else ()), *CLIENT_SECRETS)
        if secret not in possible:
            raise _secret_unknown(secret, possible)

    async def _view(self, query: Transaction, system: SystemRecord) -> AdapterView:
        kind = self._kinds.get(system.adapter)
        return AdapterView(
            system=system,
            secret_names=await query.secrets.names(system.id),
            possible_secrets=(*(kind.secret_names if kind is not None else ()), *CLIENT_SECRETS),
        )


async def _start_anew(tx: Transaction, system: SystemRecord) -> int:
    # What failed with the old settings is no reason to wait with the new ones.
    await tx.peers.forget(system.id)
    return await tx.peers.hurry(system.id)


async def _system(query: Transaction, name: str) -> SystemRecord:
    system = await query.systems.by_name(name)
    if system is None:
        raise RegistryError(
            "system_unknown",
            f"Không có phần mềm tên “{name}”. Xem danh sách bằng lệnh `lienthong system list`.",
            f"There is no system {name!r}: `lienthong system list` shows all.",
        )
    return system


def _invalid(*problems: tuple[str, str]) -> RegistryError:
    return RegistryError(
        "adapter_settings_invalid",
        "Thiết lập của bộ kết nối không hợp lệ: " + "; ".join(vi for vi, _ in problems) + ".",
        "The adapter's settings cannot be used: " + "; ".join(en for _, en in problems) + ".",
    )


def _secret_unknown(secret: str, possible: tuple[str, ...]) -> RegistryError:
    listed = ", ".join(possible) or "–"
    return RegistryError(
        "secret_unknown",
        f"Bộ kết nối của phần mềm này không có bí mật “{secret}”. Có: {listed}.",
        f"This system's adapter has no secret {secret!r}. There are: {listed}.",
    )
