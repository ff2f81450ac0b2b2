"""What administrators set for one system: dialects, acceptance policy, limits, binding; and its keys.

A change takes effect on every node within the few seconds for which callers are remembered, a policy with the
next document that is verified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from hub.domain.binding import (
    CERTIFICATES_MOST,
    NETWORKS_MOST,
    Binding,
    PinnedCertificate,
    normalise_network,
)
from hub.domain.directory import Agency
from hub.ports.records import KeyRow, SystemLimits, SystemRecord
from hub.ports.unit_of_work import Transaction, UnitOfWork
from hub.services.registry_errors import RegistryError, check_policy, system_unknown
from schemas.edxml.dialect import Dialect

INTAKE_AT_ONCE_MOST: Final = 10_000
CALLS_PER_MINUTE_MOST: Final = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemView:
    """A system as an administrator sees it; of keys only their ids and days."""

    system: SystemRecord
    units: tuple[Agency, ...]
    keys: tuple[KeyRow, ...]
    now: datetime


class SystemSettings:
    """Shows and sets what is particular to one system."""

    def __init__(self, uow: UnitOfWork, province_suffixes: frozenset[str]) -> None:
        self._uow = uow
        self._suffixes = province_suffixes

    async def show(self, name: str) -> SystemView:
        """Return a system with its units and keys. Raises RegistryError `system_unknown`."""
        async with self._uow.read() as query:
            system = await _system(query, name)
            directory = await query.directory.load(self._suffixes)
            return SystemView(
                system=system,
                units=tuple(unit for unit in directory if unit.system_id == system.id),
                keys=await query.systems.keys_of(system.id),
                now=await query.systems.now(),
            )

    async def set_policy(self, name: str, changes: Mapping[str, str | None]) -> SystemRecord:
        """Change single settings of the acceptance policy; None goes back to the default.

        Raises:
            RegistryError: `system_unknown`, `policy_invalid`.
        """
        async with self._uow.begin() as tx:
            system = await _system(tx, name)
            merged = {**dict(system.policy), **changes}
            policy = tuple(sorted((key, word) for key, word in merged.items() if word is not None))
            check_policy(policy)
            return await _write(tx, replace(system, policy=policy))

    async def set_dialects(self, name: str, dialects: Sequence[str]) -> SystemRecord:
        """Say which dialects a system reads as they are; anything else is rendered for it.

        Raises:
            RegistryError: `system_unknown`, `dialect_unknown`.
        """
        check_dialects(dialects)
        async with self._uow.begin() as tx:
            chosen = tuple(dict.fromkeys(dialects))
            return await _write(tx, replace(await _system(tx, name), dialects=chosen))

    async def set_limits(
        self, name: str, *, intake_at_once: int | None = None, calls_per_minute: int | None = None
    ) -> SystemRecord:
        """Set limits of a system; 0 goes back to the node's, None leaves one as it is.

        Raises:
            RegistryError: `system_unknown`, `limit_invalid`.
        """
        for value, most in (
            (intake_at_once, INTAKE_AT_ONCE_MOST),
            (calls_per_minute, CALLS_PER_MINUTE_MOST),
        ):
            if value is not None and not 0 <= value <= most:
                raise RegistryError(
                    "limit_invalid",
                    f"Giới hạn phải từ 1 đến {most}; 0 là theo mức chung của nút.",
                    f"A limit is 1 to {most}; 0 stands for the node's.",
                )
        async with self._uow.begin() as tx:
            system = await _system(tx, name)
            limits = SystemLimits(
                intake_at_once=_limit(intake_at_once, system.limits.intake_at_once),
                calls_per_minute=_limit(calls_per_minute, system.limits.calls_per_minute),
            )
            return await _write(tx, replace(system, limits=limits))

    async def pin(
        self, name: str, certificate: PinnedCertificate, *, others_end: datetime | None = None
    ) -> SystemRecord:
        """Bind a system to one more client certificate, or give a pinned one other days.

        Args:
            others_end: when those pinned before end, if they do not sooner.

        Raises:
            RegistryError: `system_unknown`, `pin_period_empty`, `pins_too_many`: more than two would be valid
                at one time.
        """
        if certificate.valid_from and certificate.valid_to and certificate.valid_to <= certificate.valid_from:
            raise RegistryError(
                "pin_period_empty",
                "Ngày hết hiệu lực phải sau ngày bắt đầu.",
                "The certificate would end before it begins.",
            )
        async with self._uow.begin() as tx:
            system = await _system(tx, name)
            now = await tx.systems.now()
            before = [c for c in system.binding.certificates if c.sha256 != certificate.sha256]
            # What is over long since only makes the list longer.
            kept = [_ended(c, others_end) for c in before if c.valid_to is None or c.valid_to > now]
            pins = (*kept, certificate)
            _refuse_many(pins)
            return await _write(tx, replace(system, binding=replace(system.binding, certificates=pins)))

    async def unpin(self, name: str, sha256: bytes) -> SystemRecord:
        """Forget a pinned certificate at once; without any the system is not bound to certificates.

        Raises:
            RegistryError: `system_unknown`, `pin_unknown`.
        """
        async with self._uow.begin() as tx:
            system = await _system(tx, name)
            kept = tuple(c for c in system.binding.certificates if c.sha256 != sha256)
            if len(kept) == len(system.binding.certificates):
                raise RegistryError(
                    "pin_unknown",
                    "Phần mềm này không gắn với chứng thư đó. Xem `lienthong system show`.",
                    "The system is not bound to that certificate: see `lienthong system show`.",
                )
            return await _write(tx, replace(system, binding=replace(system.binding, certificates=kept)))

    async def set_networks(self, name: str, networks: Sequence[str]) -> SystemRecord:
        """Say from which networks a system may call; none: from anywhere.

        Raises:
            RegistryError: `system_unknown`, `network_invalid`.
        """
        checked = tuple(dict.fromkeys(map(_network, networks)))
        if len(checked) > NETWORKS_MOST:
            raise RegistryError(
                "network_invalid", f"Nhiều nhất {NETWORKS_MOST} mạng.", f"At most {NETWORKS_MOST} networks."
            )
        async with self._uow.begin() as tx:
            system = await _system(tx, name)
            binding: Binding = replace(system.binding, networks=checked)
            return await _write(tx, replace(system, binding=binding))


def _network(text: str) -> str:
    try:
        return normalise_network(text)
    except ValueError:
        raise RegistryError(
            "network_invalid",
            f"“{text}” không phải mạng như 10.1.0.0/16 (các bit sau tiền tố phải bằng 0).",
            f"{text!r} is no network like 10.1.0.0/16 (the bits after the prefix are 0).",
        ) from None


def check_dialects(dialects: Sequence[str]) -> None:
    """Raise RegistryError `dialect_unknown` unless each is a dialect that the hub reads."""
    known = [dialect.value for dialect in Dialect]
    unknown = [name for name in dialects if name not in known]
    if unknown or not dialects:
        raise RegistryError(
            "dialect_unknown",
            f"Không có phương ngữ {', '.join(unknown) or '–'}. Có: {', '.join(known)}.",
            f"There is no dialect {', '.join(unknown) or '–'}; known are {', '.join(known)}.",
        )


async def _system(query: Transaction, name: str) -> SystemRecord:
    system = await query.systems.by_name(name)
    if system is None:
        raise system_unknown(name)
    return system


async def _write(tx: Transaction, system: SystemRecord) -> SystemRecord:
    await tx.systems.update(system)
    return system


def _limit(wanted: int | None, before: int | None) -> int | None:
    return before if wanted is None else wanted or None


def _ended(pin: PinnedCertificate, at: datetime | None) -> PinnedCertificate:
    if at is None or (pin.valid_to is not None and pin.valid_to <= at):
        return pin
    return replace(pin, valid_to=at)


def _refuse_many(pins: Sequence[PinnedCertificate]) -> None:
    # As many as can be valid at one time are so at the beginning of one of them.
    starts = [pin.valid_from for pin in pins]
    most = max(sum(_covers(pin, start) for pin in pins) for start in starts)
    if most > CERTIFICATES_MOST:
        raise RegistryError(
            "pins_too_many",
            "Cùng lúc chỉ hai chứng thư có hiệu lực. Bỏ bớt (`system unpin`) hoặc đặt --old-ends.",
            "Two certificates may be valid at a time: `system unpin` one, or give --old-ends.",
        )


def _covers(pin: PinnedCertificate, start: datetime | None) -> bool:
    if start is None:
        return pin.valid_from is None
    return pin.is_valid(start)
