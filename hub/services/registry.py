"""What administrators keep: the directory of agencies, the systems that speak for them, their keys."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from hub.domain import apikeys
from hub.domain.directory import Agency, Directory, UnitState
from hub.domain.directory_orders import OrderRefused, SetState
from hub.domain.ids import Uuid7Factory, normalise_code
from hub.domain.limits import API_KEY_GRACE
from hub.ports.records import AgencyRow, SystemRecord
from hub.ports.unit_of_work import Transaction, UnitOfWork
from hub.services.certificates import CertificateDesk
from hub.services.directory_admin import DirectoryAdmin, Import
from hub.services.registry_errors import RegistryError, check_name, check_policy, system_unknown
from hub.services.system_settings import SystemSettings

__all__ = ["DEFAULT_DIALECTS", "NewKey", "RegistryError", "RegistryService"]

DEFAULT_DIALECTS: Final = ("qcvn-prefixed",)
LISTED_MOST: Final = 200_000
NOBODY: Final = "lienthong"
"""Who ordered a change that no person is named for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made; `text` is shown once and kept nowhere."""

    system: SystemRecord
    key_id: str
    text: str


class RegistryService:
    """Systems, keys and the directory."""

    def __init__(
        self,
        uow: UnitOfWork,
        ids: Uuid7Factory,
        province_suffixes: frozenset[str],
        *,
        key_grace: timedelta = API_KEY_GRACE,
    ) -> None:
        self._uow = uow
        self._key_grace = key_grace
        self._ids = ids
        self._suffixes = province_suffixes
        self.changes = DirectoryAdmin(uow, ids, province_suffixes)
        self.settings = SystemSettings(uow, province_suffixes)
        self.certificates = CertificateDesk(uow, province_suffixes)

    async def add_system(
        self,
        name: str,
        *,
        units: Sequence[str] = (),
        dialects: Sequence[str] = DEFAULT_DIALECTS,
        policy: Sequence[tuple[str, str]] = (),
        by: str = NOBODY,
    ) -> NewKey:
        """Register a system for some units and make its first key.

        Raises:
            RegistryError: `system_name_invalid`, `system_exists`, `agency_taken`, `policy_invalid`.
            OrderRefused: `agency_unknown`.
        """
        check_name(name)
        check_policy(policy)
        async with self._uow.begin() as tx:
            if await tx.systems.by_name(name) is not None:
                raise RegistryError(
                    "system_exists",
                    f"Đã có phần mềm tên “{name}”. Hãy chọn tên khác, hoặc cấp khóa mới cho nó.",
                    f"There is a system {name!r} already: choose another name, or make a new key for it.",
                )
            system = SystemRecord(
                id=self._ids.new(),
                name=name,
                adapter="rest-pull",
                dialects=tuple(dialects),
                policy=tuple(policy),
                active=True,
            )
            await tx.systems.add(system)
            await self._assign(tx, system, units, by)
            return await self._make_key(tx, system)

    async def new_key(self, name: str) -> NewKey:
        """Make another key for a system; its other keys end after the grace (both work until then).

        Raises:
            RegistryError: `system_unknown`.
        """
        async with self._uow.begin() as tx:
            system = await self._system(tx, name)
            key = await self._make_key(tx, system)
            await tx.systems.expire_keys(system.id, keep=key.key_id, grace=self._key_grace)
            return key

    async def revoke_key(self, key_id: str) -> None:
        """End a key at once. Raises RegistryError `key_unknown`."""
        async with self._uow.begin() as tx:
            if not await tx.systems.revoke_key(key_id):
                raise RegistryError(
                    "key_unknown",
                    f"Không có khóa “{key_id}”, hoặc khóa đã bị thu hồi.",
                    f"There is no key {key_id!r}, or it is revoked already.",
                )

    async def assign(self, name: str, units: Sequence[str], *, by: str = NOBODY) -> None:
        """Let a system speak for more units. Raises RegistryError as `add_system`, `system_unknown`."""
        async with self._uow.begin() as tx:
            await self._assign(tx, await self._system(tx, name), units, by)

    async def set_system_active(self, name: str, *, active: bool) -> None:
        """Lock or unlock a system: a locked one is not let in. Raises RegistryError `system_unknown`."""
        async with self._uow.begin() as tx:
            await tx.systems.update(replace(await self._system(tx, name), active=active))

    async def systems(self) -> tuple[SystemRecord, ...]:
        """Return all systems by name."""
        async with self._uow.read() as query:
            return await query.systems.all()

    async def directory(self) -> Directory:
        """Return the directory as it is now."""
        async with self._uow.read() as query:
            return await query.directory.load(self._suffixes)

    async def replace_directory(
        self, agencies: Sequence[Agency], *, drop_connected: bool = False, by: str = NOBODY
    ) -> Directory:
        """Put these agencies in place of the directory; known units keep their systems.

        Raises:
            OrderRefused: `agency_connected`: a unit that a system speaks for is not among them, and
                `drop_connected` does not allow that. A unit that has ended is retired, not left out.
        """
        change = Import(agencies=tuple(agencies), drop_connected=drop_connected)
        return await self.changes.carry_out(change, by=by)

    async def search(self, text: str, *, limit: int = LISTED_MOST) -> tuple[AgencyRow, ...]:
        """Return agencies whose code or name contains `text`."""
        async with self._uow.read() as query:
            return await query.directory.search(text, limit=limit, offset=0)

    async def release(self, units: Sequence[str], *, by: str = NOBODY) -> None:
        """Take units from the system that speaks for them. Raises OrderRefused `agency_unknown`."""
        async with self._uow.begin() as tx:
            await tx.directory.lock()
            directory = await tx.directory.load(self._suffixes)
            for unit in {found.unit_id: found for found in (_known(directory, c) for c in units)}.values():
                await self.changes.assign(tx, unit, None, by=by)

    async def set_unit_state(self, code: str, state: UnitState, *, by: str = NOBODY) -> None:
        """Lock or unlock an agency. Raises OrderRefused `agency_unknown`, `agency_retired`."""
        await self.changes.carry_out(SetState(code=code, locked=state is UnitState.LOCKED), by=by)

    async def _assign(self, tx: Transaction, system: SystemRecord, units: Sequence[str], by: str) -> None:
        if not units:
            return
        await tx.directory.lock()
        directory = await tx.directory.load(self._suffixes)
        # By unit: two codes may name the same one.
        for unit in {found.unit_id: found for found in (_known(directory, c) for c in units)}.values():
            if unit.system_id is not None and unit.system_id != system.id:
                raise RegistryError(
                    "agency_taken",
                    f"Đơn vị {unit.unit_id} đã thuộc phần mềm khác; gỡ bằng `lienthong system release`.",
                    f"Agency {unit.unit_id} is taken: release it with `lienthong system release`.",
                )
            await self.changes.assign(tx, unit, system.id, by=by)

    async def _system(self, tx: Transaction, name: str) -> SystemRecord:
        system = await tx.systems.by_name(name)
        if system is None:
            raise system_unknown(name)
        return system

    async def _make_key(self, tx: Transaction, system: SystemRecord) -> NewKey:
        key = apikeys.make(secrets.token_bytes(apikeys.ID_BYTES), secrets.token_bytes(apikeys.SECRET_BYTES))
        await tx.systems.add_key(key.key_id, system.id, apikeys.digest(key))
        return NewKey(system=system, key_id=key.key_id, text=key.text)


def _known(directory: Directory, code: str) -> Agency:
    unit = directory.by_code(normalise_code(code))
    if unit is None:
        raise OrderRefused("agency_unknown", code=code)
    return unit
