"""The sheet proved by itself: a hub in a temporary folder, its sandbox, and a simulated vendor's system."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp

from adapters.conformance.scenarios import Sandbox
from adapters.conformance.sheet import Sheet
from adapters.conformance.tape import Tape, recording
from adapters.simulator.client import HubClient
from adapters.simulator.dms import SimulatedDms
from adapters.simulator.echo import Behaviour
from adapters.simulator.vendor import SimulatedVendor
from hub.bootstrap import Hub, open_hub
from hub.bootstrap.sandbox import echo, register_sandbox, sandbox_roles
from hub.cli.conformance import others, until_judged
from hub.cli.demo.cast import DEPARTMENT
from hub.cli.demo.serving import serving
from hub.cli.demo.stage import demo_settings
from hub.config import Settings
from hub.demo_data import binh_duong_csv
from hub.domain.directory_csv import parse
from signing.devpki import DevPki

SYSTEM: Final = "Phần mềm mô phỏng"


@asynccontextmanager
async def rehearsal(folder: Path, minutes: float) -> AsyncIterator[tuple[Sheet, Settings]]:
    """Let a simulated system go through all scenarios and yield its sheet, with the settings of the hub."""
    settings = demo_settings(folder, 0)
    async with open_hub(settings) as hub:
        await hub.registry.replace_directory(parse(binh_duong_csv()).agencies)
        keys = await register_sandbox(hub.registry, settings)
        made = await hub.registry.add_system(SYSTEM, units=[DEPARTMENT.unit.code])
        yield await _sheet(hub, settings, keys, made.text, minutes), settings


async def _sheet(
    hub: Hub, settings: Settings, keys: Mapping[Behaviour, str], key: str, minutes: float
) -> Sheet:
    sandbox = Sandbox(roles=sandbox_roles(settings))
    tape = Tape(cut_for=sandbox.of(Behaviour.SLOW).code)
    begun = datetime.now(UTC)
    async with (
        serving(hub) as url,
        recording(url, tape) as line,
        aiohttp.ClientSession() as session,
        asyncio.TaskGroup() as group,
    ):
        dms = await asyncio.to_thread(_dms, settings, HubClient(session, line, key))
        vendor = SimulatedVendor(dms, {role.behaviour: role for role in sandbox.roles})
        tasks = [group.create_task(echo(url, settings, keys)), group.create_task(_drive(vendor))]
        results = await until_judged(tape, sandbox, minutes)
        for task in tasks:
            task.cancel()
    return Sheet(
        system=SYSTEM,
        hub=settings.hub_code,
        begun_at=begun,
        ended_at=datetime.now(UTC),
        results=results,
        others=others(tape, {SYSTEM}),
    )


async def _drive(vendor: SimulatedVendor) -> None:
    async def receive() -> None:
        while True:
            await vendor.receive_once()

    async with asyncio.TaskGroup() as group:
        group.create_task(vendor.send_all())
        group.create_task(receive())


def _dms(settings: Settings, client: HubClient) -> SimulatedDms:
    pki = DevPki.open_or_create(settings.home / "demo" / "pki")
    unit = DEPARTMENT.unit
    person = pki.issue_person(unit.signer, agency_name=unit.name, title=unit.signer_title)
    return SimulatedDms(unit, client, person=person, organisation=pki.issue_organisation(unit.name))
