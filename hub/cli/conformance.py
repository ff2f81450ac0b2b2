"""`lienthong conformance`: records what a vendor's system does, judges it, prints a signed sheet.

The system under trial is pointed at the address that the command listens on and does what the scenarios ask
for; the sandbox answers. With `--self` a simulated system does so, on a hub of its own in a temporary folder.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from adapters.conformance.scenarios import SCENARIOS, Result, Sandbox, judge
from adapters.conformance.sheet import Sheet
from adapters.conformance.tape import Tape, recording
from adapters.simulator.echo import Behaviour
from hub.bootstrap.sandbox import refuse_in_production, sandbox_roles
from hub.cli.options import ConfigOption, HomeOption, JsonOption
from hub.cli.sandbox import HubOption, address
from hub.config import Settings, load_settings
from hub.observability import logging
from hub.storage.seal_keys import FileSealer

LOOK_S: Final = 1.0
FAILED: Final = 1


def conformance(
    system: Annotated[str | None, typer.Option("--system", help="Tên phần mềm được kiểm tra.")] = None,
    own: Annotated[bool, typer.Option("--self", help="Tự kiểm tra bằng phần mềm mô phỏng.")] = False,
    hub: HubOption = None,
    listen: Annotated[int, typer.Option("--listen", help="Cổng để phần mềm gọi vào.")] = 8091,
    minutes: Annotated[int, typer.Option("--minutes", min=1, help="Chờ tối đa bao lâu, phút.")] = 60,
    home: HomeOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Kiểm tra phần mềm của nhà cung cấp theo kịch bản, in phiếu có chữ ký của trục (conformance sheet)."""
    logging.configure(level="error", form="console")
    if own:
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            raise typer.Exit(asyncio.run(_own(Path(folder), minutes, as_json=as_json)))
    if system is None:
        raise typer.BadParameter("--system hoặc --self")
    settings = load_settings(config=config, home=home)
    refuse_in_production(settings)
    trial = _trial(settings, system, hub or address(settings), listen, minutes)
    raise typer.Exit(_print(asyncio.run(trial), settings, as_json=as_json))


async def _trial(settings: Settings, system: str, hub: str, listen: int, minutes: int) -> Sheet:
    sandbox = Sandbox(roles=sandbox_roles(settings))
    tape = Tape(cut_for=sandbox.of(Behaviour.SLOW).code)
    begun = datetime.now(UTC)
    async with recording(hub, tape, port=listen) as url:
        print(f"Trỏ phần mềm “{system}” tới / point the system at: {url}")
        for number, each in enumerate(SCENARIOS, 1):
            print(f"{number:>2}. {each.title}: {each.how}")
        results = await until_judged(tape, sandbox, minutes)
    return Sheet(
        system=system,
        hub=settings.hub_code,
        begun_at=begun,
        ended_at=datetime.now(UTC),
        results=owned(tape, system, results),
    )


def owned(tape: Tape, system: str, results: tuple[Result, ...]) -> tuple[Result, ...]:
    """Return the results, all failed if any receipt was given to another system than the one on trial."""
    names = {
        str(e.answer["receipt"]["system"])
        for e in tape.exchanges
        if e.accepted and isinstance(e.answer, dict) and "receipt" in e.answer
    }
    if names <= {system}:
        return results
    return tuple(Result(scenario=each.scenario, evidence="") for each in results)


async def until_judged(tape: Tape, sandbox: Sandbox, minutes: float) -> tuple[Result, ...]:
    """Wait until every scenario has passed, or until the time is over."""
    ends = time.monotonic() + minutes * 60
    while True:
        results = judge(tape.exchanges, sandbox)
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
