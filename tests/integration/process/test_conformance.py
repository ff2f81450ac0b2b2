"""The conformance sheet can be passed, is signed by the hub, and is given out only where it belongs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from adapters.conformance.bkav import BKAV
from adapters.conformance.facts import Dialect
from adapters.conformance.scenarios import judge
from adapters.conformance.vxp import VXP
from hub.bootstrap.sandbox import register_sandbox
from hub.cli.conformance import OnTrial, _trial
from hub.cli.conformance_self import rehearsal
from hub.config import load_settings
from hub.services.registry_errors import RegistryError
from hub.storage.seal_keys import FileSealer
from tests.support.hub import HubUnderTest, agency
from tests.support.process import lienthong, new_folder
from tests.support.trials import UNIT, trial


@pytest.mark.slow
async def test_a_simulated_system_passes_every_scenario_and_gets_a_signed_sheet(tmp_path: Path) -> None:
    async with rehearsal(tmp_path, 4) as (sheet, settings):
        missing = [result.scenario.code for result in sheet.results if not result.passed]
        assert missing == []
        sealer = FileSealer.open_or_create(settings.keys_path)
        keys = KeySet.import_key_set(sealer.public_keys())  # type: ignore[arg-type]
        checked = jws.deserialize_compact(sealer.seal(sheet.canonical()), keys)
        assert json.loads(checked.payload or b"")["result"] == "PASS"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dialect", "adapter", "scenarios"), [(VXP, "vxp", 13), (BKAV, "bkav", 12)], ids=["vxp", "bkav"]
)
async def test_a_client_of_another_interface_passes_every_scenario_that_it_can_show(
    tmp_path: Path, dialect: Dialect, adapter: str, scenarios: int
) -> None:
    async with trial(tmp_path, dialect, adapter) as under_way:
        await asyncio.wait_for(under_way.go_through(), 240)
        results = judge(under_way.tape.exchanges, under_way.sandbox, dialect)
        assert [result.scenario.code for result in results if not result.passed] == []
        assert len(results) == scenarios
        assert dialect.callers(under_way.tape.exchanges) == {UNIT}


def test_a_system_that_is_not_registered_is_said_before_anything_is_recorded() -> None:
    with new_folder() as folder:
        done = lienthong("conformance", "--system", "Không có", home=folder / "h")
    assert done.code == 1
    assert "[system_unknown]" in done.err
    assert "Traceback" not in done.err


async def test_what_is_to_be_done_is_said_apart_from_the_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(environment={}, home=tmp_path)
    on_trial = OnTrial(system="QLVB", dialect=VXP, names=frozenset({UNIT}))
    sheet = await _trial(settings, on_trial, "http://127.0.0.1:9", 0, 0)
    said = capsys.readouterr()
    assert said.out == ""
    assert "API trục quốc gia (VXP)" in said.err
    assert all(result.scenario.how in said.err for result in sheet.results)
    assert (len(sheet.results), sheet.passed) == (13, False)


async def test_no_sandbox_in_production_unless_it_is_set(hub: HubUnderTest, tmp_path: Path) -> None:
    settings = load_settings(environment={}, home=tmp_path)
    production = settings.model_copy(update={"production": True})
    with pytest.raises(RegistryError, match="sandbox_in_production"):
        await register_sandbox(hub.registry, production)
    allowed = settings.sandbox.model_copy(update={"in_production": True})
    keys = await register_sandbox(hub.registry, production.model_copy(update={"sandbox": allowed}))
    assert len(set(keys.values())) == len(keys) == 5
    again = await register_sandbox(hub.registry, settings)
    assert not set(again.values()) & set(keys.values())
    assert len(await hub.registry.systems()) == 5


async def test_a_real_unit_under_a_code_of_the_sandbox_is_left_alone(
    hub: HubUnderTest, tmp_path: Path
) -> None:
    await hub.registry.replace_directory([agency("000.00.T1.H09")])
    with pytest.raises(RegistryError, match="sandbox_code_taken"):
        await register_sandbox(hub.registry, load_settings(environment={}, home=tmp_path))
    assert await hub.registry.systems() == ()
