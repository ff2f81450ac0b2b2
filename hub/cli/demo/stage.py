"""The stage: a hub in its home folder, and the simulated systems connected to it by HTTP.

Everything that the demo keeps lies in the home folder: database, documents, the hub's keys, and under
`demo/` the development PKI and the API keys of the simulated systems (0600), so that a second run goes on
where the first one ended.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from adapters.simulator.client import HubClient
from adapters.simulator.dms import SimulatedDms
from hub.bootstrap import Hub, open_hub, prepare_home
from hub.bootstrap.clock import DemoClock, open_demo_clock
from hub.cli.demo.cast import ROLES, Role
from hub.cli.demo.nation import WAY_OUT, Nation, open_nation
from hub.cli.demo.serving import serving
from hub.config import Settings, load_settings
from hub.demo_data import binh_duong_csv
from hub.domain.directory_csv import parse
from hub.services.registry import RegistryService
from signing.credentials import Credential
from signing.devpki import DevPki

KEYS_FILE: Final = "api-keys.json"
OWN_SYSTEMS: Final = (*(role.system for role in ROLES), WAY_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A running demo: where it answers, who plays, and what people of the province need.

    `hub` is for what a person would do at the command line; systems play by HTTP alone.
    """

    url: str
    home: Path
    keys: dict[str, str]
    systems: dict[str, SimulatedDms]
    nation: Nation
    hub: Hub
    clock: DemoClock

    def system(self, role: Role) -> SimulatedDms:
        """Return the simulated system of a role."""
        return self.systems[role.key]


def demo_settings(home: Path | None, port: int | None) -> Settings:
    """Return the settings of the demo: those of any hub, trusting the development PKI."""
    # The exchange outside is asked every second: nobody wants to wait a minute in a demo. Its silence is no
    # alarm where the clock is set on by days.
    often = {"interval_s": 1, "directory_sync": False, "silence_hours": 1_000}
    settings = load_settings(home=home, http_port=port, relay=often)
    prepare_home(settings)
    if settings.trust_folder is not None:
        return settings
    pki = DevPki.open_or_create(settings.home / "demo" / "pki")
    pki.complete()
    return load_settings(home=home, http_port=port, trust_folder=pki.trust_folder, relay=often)


@asynccontextmanager
async def set_stage(settings: Settings) -> AsyncIterator[Stage]:
    """Start a hub with the illustrative directory and connect the simulated systems; stop all at the end.

    Raises:
        ClockRefused: `not_a_demo`: the database is a real hub's.
    """
    folder = settings.home / "demo"
    pki = await asyncio.to_thread(DevPki.open_or_create, folder / "pki")
    credentials = {role.key: await asyncio.to_thread(_credentials, pki, role) for role in ROLES}
    async with open_hub(settings) as hub, open_demo_clock(settings, OWN_SYSTEMS) as clock:
        keys = await _register(hub.registry, folder)
        async with serving(hub) as url, aiohttp.ClientSession() as session:
            systems = {
                role.key: SimulatedDms(
                    role.unit,
                    HubClient(session, url, keys[role.system]),
                    person=credentials[role.key][0],
                    organisation=credentials[role.key][1],
                )
                for role in ROLES
            }
            async with open_nation(settings, hub) as nation:
                yield Stage(
                    url=url,
                    home=settings.home,
                    keys=keys,
                    systems=systems,
                    nation=nation,
                    hub=hub,
                    clock=clock,
                )


def _credentials(pki: DevPki, role: Role) -> tuple[Credential | None, Credential | None]:
    unit = role.unit
    if not role.signs:
        return None, None
    person = pki.issue_person(unit.signer, agency_name=unit.name, title=unit.signer_title)
    return person, pki.issue_organisation(unit.name)


async def _register(registry: RegistryService, folder: Path) -> dict[str, str]:
    if not len(await registry.directory()):
        await registry.replace_directory(parse(binh_duong_csv()).agencies)
    path = folder / KEYS_FILE
    keys = kept_keys(path)
    known = {system.name for system in await registry.systems()}
    for role in ROLES:
        if role.system in known and role.system in keys:
            continue
        if role.system in known:
            made = await registry.new_key(role.system)
        else:
            made = await registry.add_system(role.system, units=[role.unit.code], policy=role.policy)
        keys[role.system] = made.text
        _write_private(path, json.dumps(keys, ensure_ascii=False, indent=2))
    return keys


def kept_keys(path: Path) -> dict[str, str]:
    """Return the API keys that an earlier start has kept; without them a system simply gets another one."""
    try:
        kept = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(name): str(key) for name, key in kept.items()} if isinstance(kept, dict) else {}


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
