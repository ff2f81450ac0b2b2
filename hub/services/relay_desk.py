"""What a person decides about packages of the national exchange that the hub would not take in by itself.

Retrying is done by the node that polls, with the bytes that were kept: the command only gives the package
back. Dropping forgets the bytes, and tells the exchange `fail` if it has not been told so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from hub.ports.blobs import BlobStore
from hub.ports.national import Word
from hub.ports.peers import PeerState
from hub.ports.records import SystemRecord
from hub.ports.relay import KEPT_STATES, PackageRecord, PackageState, RelayState
from hub.ports.unit_of_work import UnitOfWork
from hub.services.registry import RegistryError

LISTED_MOST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeView:
    """How one exchange is doing; `state` is None if it was never polled."""

    system: SystemRecord
    state: RelayState | None
    packages: Mapping[str, int]
    owed: int
    peer: PeerState | None


class RelayDesk:
    """Shows and decides."""

    def __init__(self, uow: UnitOfWork, blobs: BlobStore) -> None:
        self._uow = uow
        self._blobs = blobs

    async def status(self) -> tuple[ExchangeView, ...]:
        """Return how every exchange is doing."""
        async with self._uow.read() as query:
            peers = {peer.system_id: peer for peer in await query.peers.states()}
            return tuple(
                [
                    ExchangeView(
                        system=system,
                        state=await query.relay.state(system.id),
                        packages=await query.relay.counts(system.id),
                        owed=len(await query.relay.owed(system.id, LISTED_MOST)),
                        peer=peers.get(system.id),
                    )
                    for system in await query.relay.exchanges()
                ]
            )

    async def kept(self) -> tuple[PackageRecord, ...]:
        """Return the packages that wait for a person, oldest first."""
        async with self._uow.read() as query:
            return await query.relay.kept(LISTED_MOST)

    async def retry(self, package_id: str) -> PackageRecord:
        """Give a kept package back to be taken in; a loop counts as looked at.

        Raises:
            RegistryError: `package_unknown`, `package_not_kept`, `package_without_bytes`.
        """
        async with self._uow.begin() as tx:
            package = _kept(await tx.relay.package(package_id, lock=True), package_id)
            if package.blob_id is None:
                raise RegistryError(
                    "package_without_bytes",
                    f"Gói {package_id} không còn nội dung (mang dấu mật): chỉ có thể bỏ.",
                    f"Package {package_id} has no bytes (a mark of state secrecy): it can only be dropped.",
                )
            released = replace(package, state=PackageState.WAITING, to_tell=None)
            await tx.relay.put(released)
        return released

    async def drop(self, package_id: str) -> PackageRecord:
        """Forget a kept package with its bytes; the exchange is told `fail`.

        If the process dies before the bytes are gone, the janitor removes them: no row names them.

        Raises:
            RegistryError: `package_unknown`, `package_not_kept`.
        """
        async with self._uow.begin() as tx:
            package = _kept(await tx.relay.package(package_id, lock=True), package_id)
            dropped = replace(package, state=PackageState.DROPPED, to_tell=Word.FAIL, blob_id=None)
            await tx.relay.put(dropped)
        if package.blob_id is not None:
            await self._blobs.delete(package.blob_id)
        return dropped


def _kept(package: PackageRecord | None, package_id: str) -> PackageRecord:
    if package is None:
        raise RegistryError(
            "package_unknown",
            f"Không có gói “{package_id}”. Xem `lienthong relay quarantined`.",
            f"There is no package {package_id!r}: see `lienthong relay quarantined`.",
        )
    if package.state not in KEPT_STATES:
        raise RegistryError(
            "package_not_kept",
            f"Gói {package_id} không ở trạng thái chờ người quyết định ({package.state.value}).",
            f"Package {package_id} does not wait for a person ({package.state.value}).",
        )
    return package
