"""`lienthong conformance`: records what a vendor's system does, judges it, prints a signed sheet.

The system under trial is pointed at the address that the command listens on and does what the scenarios ask
for; the sandbox answers. It is judged by the interface of its adapter, and only by what it did under its own
name. With `--self` a simulated system does so, on a hub of its own in a temporary folder.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from adapters.conformance.bkav import BKAV
from adapters.conformance.facts import Api, Dialect
from adapters.conformance.rest import REST
from adapters.conformance.scenarios import Result, Sandbox, judge, scenarios_of
from adapters.conformance.sheet import API_TITLES, Sheet
from adapters.conformance.tape import Tape, recording
from adapters.conformance.vxp import VXP
from adapters.simulator.echo import Behaviour
from hub.bootstrap import open_registry
from hub.bootstrap.sandbox import refuse_in_production, sandbox_roles
from hub.cli.options import ConfigOption, HomeOption, JsonOption
from hub.cli.sandbox import HubOption, address
from hub.cli.usage import Misuse
from hub.config import Settings, load_settings
from hub.domain import adapters
from hub.domain.directory import Agency
from hub.observability import logging
from hub.ports.records import SystemRecord
from hub.services.registry_errors import system_unknown
from hub.services.shared_secrets import called_by
from hub.storage.seal_keys import FileSealer

LOOK_S: Final = 1.0
FAILED: Final = 1
DIALECTS: Final[tuple[Dialect, ...]] = (REST, VXP, BKAV)
APIS: Final = {adapters.VXP: Api.VXP, adapters.BKAV: Api.BKAV}


@dataclass(frozen=True, slots=True, kw_only=True)
class OnTrial:
    """The system under trial: by which interface it is judged, and the names that it calls by there."""

    system: str
    dialect: Dialect
    names: frozenset[str]


def conformance(
    system: Annotated[str | None, typer.Option("--system", help="Tên phần mềm được kiểm tra.")] = None,
    own: Annotated[bool, typer.Option("--self", help="Tự kiểm tra bằng phần mềm mô phỏng.")] = False,
    api: Annotated[
        Api | None, typer.Option("--api", help="Giao diện được kiểm tra (mặc định: theo adapter).")
    ] = None,
    hub: HubOption = None,
    listen: Annotated[int, typer.Option("--listen", help="Cổng để phần mềm gọi vào.")] = 8091,
    minutes: Annotated[int, typer.Option("--minutes", min=1, help="Chờ tối đa bao lâu, phút.")] = 60,
    home: HomeOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Kiểm tra phần mềm của nhà cung cấp theo kịch bản, in phiếu có chữ ký của trục (conformance sheet)."""
    logging.configure(level="error", form="console")
    if own == (system is not None):
        raise Misuse("cần đúng một trong hai: --system, hoặc --self", "give either --system or --self")
    if own:
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            raise typer.Exit(asyncio.run(_own(Path(folder), minutes, as_json=as_json)))
    assert system is not None
    settings = load_settings(config=config, home=home)
    refuse_in_production(settings)
    on_trial = asyncio.run(_looked_up(settings, system, api))
    trial = _trial(settings, on_trial, hub or address(settings), listen, minutes)
    raise typer.Exit(_print(asyncio.run(trial), settings, as_json=as_json))


async def _looked_up(settings: Settings, name: str, api: Api | None) -> OnTrial:
    async with open_registry(settings) as registry:
        record = next((each for each in await registry.systems() if name in {each.name, str(each.id)}), None)
        if record is None:
            raise system_unknown(name)
        units = [unit for unit in await registry.directory() if unit.system_id == record.id]
    return on_trial(record, units, api)


def on_trial(record: SystemRecord, units: Sequence[Agency], api: Api | None = None) -> OnTrial:
    """Return as whom a system calls by an interface; by that of its adapter, where none is named."""
    dialect = {each.api: each for each in DIALECTS}[api or APIS.get(record.adapter, Api.REST)]
    names = {
        Api.REST: {record.name},
        Api.VXP: {called_by(record)},
        Api.BKAV: {called_by(record), *(code.code for unit in units for code in unit.codes)},
    }
    return OnTrial(system=record.name, dialect=dialect, names=frozenset(names[dialect.api]))


async def _trial(settings: Settings, on_trial: OnTrial, hub: str, listen: int, minutes: int) -> Sheet:
    sandbox = Sandbox(roles=sandbox_roles(settings))
    tape = Tape(cut_for=sandbox.of(Behaviour.SLOW).code, dialect=on_trial.dialect)
    begun = datetime.now(UTC)
    async with recording(hub, tape, port=listen) as url:
        _say_what_to_do(on_trial, url)
        results = await until_judged(tape, sandbox, minutes)
    return Sheet(
        system=on_trial.system,
        hub=settings.hub_code,
        api=on_trial.dialect.api,
        begun_at=begun,
        ended_at=datetime.now(UTC),
        results=results,
        others=others(tape, on_trial.names),
    )


def _say_what_to_do(on_trial: OnTrial, url: str) -> None:
    # Not where the sheet goes: that may be read by a program.
    lines = [
        f"Trỏ phần mềm “{on_trial.system}” tới / point the system at: {url}",
        f"Giao diện / interface: {API_TITLES[on_trial.dialect.api]}",
        *(
            f"{n:>2}. {each.title}: {each.how}"
            for n, each in enumerate(scenarios_of(on_trial.dialect.api), 1)
        ),
    ]
    print("\n".join(lines), file=sys.stderr)


def others(tape: Tape, names: AbstractSet[str]) -> tuple[str, ...]:
    """Return the names beside `names` under which calls got through."""
    return tuple(sorted(tape.dialect.callers(tape.exchanges) - names))


async def until_judged(tape: Tape, sandbox: Sandbox, minutes: float) -> tuple[Result, ...]:
    """Wait until every scenario has passed, or until the time is over."""
    ends = time.monotonic() + minutes * 60
    while True:
        results = judge(tape.exchanges, sandbox, tape.dialect)
        if all(result.passed for result in results) or time.monotonic() >= ends:
            return results
        await asyncio.sleep(LOOK_S)


async def _own(folder: Path, minutes: int, *, as_json: bool) -> int:
    # Simulated systems draw and sign letters: no other command should pay for those imports.
    from hub.cli.conformance_self import rehearsal  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        sheet, settings = await stack.enter_async_context(rehearsal(folder, minutes))
        return _print(sheet, settings, as_json=as_json)


def _print(sheet: Sheet, settings: Settings, *, as_json: bool) -> int:
    jws = FileSealer.open_or_create(settings.keys_path).seal(sheet.canonical())
    if as_json:
        print(json.dumps({"sheet": sheet.statement(), "jws": jws}, ensure_ascii=False, indent=2))
    else:
        print(sheet.text())
        print(f"\nChữ ký của trục (JWS) / signed by the hub:\n{jws}")
    return 0 if sheet.passed else FAILED
