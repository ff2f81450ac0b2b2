"""The sandbox on a hub: its units in the directory, their systems, and the echo recipients at work.

Units and systems are made where they are missing, by the ways of any administrator, under names that say what
they are. The echo recipients then work by HTTP like everybody. They end with the command; what is in their
inboxes waits. If the process dies, nothing is lost: the next start makes new keys and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp
import structlog

from adapters.simulator.client import HubClient, Problem
from adapters.simulator.echo import MARK, Behaviour, EchoAgency, EchoRole, roles
from hub.config import Settings
from hub.domain.directory import Level
from hub.domain.directory_orders import AddCode, AddUnit
from hub.services.registry import RegistryService
from hub.services.registry_errors import RegistryError

log = structlog.get_logger(__name__)

BY: Final = "sandbox"
WAIT_S: Final = 10
PAUSE_S: Final = 2.0
# What nobody will mend by hand in a sandbox is refused, not held.
POLICY: Final = (("on_failed", "refuse"),)


def sandbox_roles(settings: Settings) -> tuple[EchoRole, ...]:
    """Return the echo recipients of this hub's province."""
    return roles(settings.province_codes[0])


def refuse_in_production(settings: Settings) -> None:
    """Raise RegistryError `sandbox_in_production` unless the settings allow a sandbox here."""
    if settings.production and not settings.sandbox.in_production:
        raise RegistryError(
            "sandbox_in_production",
            "Trục này đang chạy thật: không mở vùng thử nghiệm. Nếu thật sự cần, đặt "
            "LIENTHONG_SANDBOX__IN_PRODUCTION=true.",
            "This hub is in production: no sandbox here. If it is really wanted, set "
            "LIENTHONG_SANDBOX__IN_PRODUCTION=true.",
        )


async def register_sandbox(registry: RegistryService, settings: Settings) -> Mapping[Behaviour, str]:
    """Make what is missing of the sandbox and return a fresh key for each echo recipient.

    Raises:
        RegistryError: `sandbox_in_production`; `sandbox_code_taken`: a real unit has one of its codes.
    """
    refuse_in_production(settings)
    known = {system.name for system in await registry.systems()}
    keys: dict[Behaviour, str] = {}
    for role in sandbox_roles(settings):
        await _unit(registry, role)
        if role.system in known:
            keys[role.behaviour] = (await registry.new_key(role.system)).text
        else:
            made = await registry.add_system(role.system, units=[role.code], policy=POLICY, by=BY)
            keys[role.behaviour] = made.text
    return keys


async def echo(url: str, settings: Settings, keys: Mapping[Behaviour, str]) -> None:
    """Let the echo recipients work until cancelled."""
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for role in sandbox_roles(settings):
            agency = EchoAgency(role, HubClient(session, url, keys[role.behaviour]))
            group.create_task(_work(agency, role.behaviour), name=role.system)


async def _work(agency: EchoAgency, behaviour: Behaviour) -> None:
    while True:
        try:
            await agency.once(wait=WAIT_S)
        except (Problem, aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            log.warning("echo_interrupted", behaviour=behaviour.value, error=type(error).__name__)
            await asyncio.sleep(PAUSE_S)


async def _unit(registry: RegistryService, role: EchoRole) -> None:
    directory = await registry.directory()
    for code in filter(None, (role.code, role.other_code)):
        unit = directory.by_code(code)
        if unit is not None and not unit.name.startswith(MARK):
            raise RegistryError(
                "sandbox_code_taken",
                f"Mã {code} là của đơn vị thật “{unit.name}”: không mở được vùng thử nghiệm.",
                f"The code {code} is of a real unit, {unit.name!r}: there can be no sandbox.",
            )
    if directory.by_code(role.code) is None:
        await registry.changes.carry_out(AddUnit(code=role.code, name=role.name, level=Level.OTHER), by=BY)
    if role.other_code is not None and directory.by_code(role.other_code) is None:
        await registry.changes.carry_out(AddCode(code=role.code, new=role.other_code), by=BY)
