"""`lienthong demo --once`: what a newcomer types first, and what a check can rely on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.cli.demo.cast import COMMUNE, DEPARTMENT, ROLES
from tests.support.process import DEMO_S, Finished, Home, lienthong, new_folder


def demo(home: Home) -> Finished:
    """Play the scenario once and look whether anything is left running."""
    done = lienthong("demo", "--once", "--port", "0", home=home.path, within_s=DEMO_S)
    assert home.database_processes == (), (done.code, done.out, done.err)
    assert "Traceback" not in done.err
    return done


@pytest.fixture(scope="module")
def stage() -> Iterator[Home]:
    """One home for all tests here, in which nothing has run before."""
    with new_folder() as folder:
        yield Home(path=folder / "h")


@pytest.fixture(scope="module")
def first(stage: Home) -> Finished:
    """The first performance in a home."""
    return demo(stage)


def test_the_demo_passes_in_a_fresh_home(first: Finished) -> None:
    assert first.code == 0, first.out + first.err
    last = first.out.splitlines()[-1]
    assert last.startswith("ĐẠT: ")
    assert "✗" not in first.out


def test_the_demo_passes_again_in_the_same_home_with_the_same_keys(first: Finished, stage: Home) -> None:
    again = demo(stage)
    assert again.code == 0, again.out + again.err
    assert again.out.splitlines()[-1].startswith("ĐẠT: ")
    keys = [line for line in first.out.splitlines() if "khóa API" in line]
    assert len(keys) == len(ROLES)
    assert all(line in again.out for line in keys)


def test_the_demo_puts_the_clock_back_that_it_has_set_on(first: Finished, stage: Home) -> None:
    found = lienthong("doctor", home=stage.path)
    assert "clock_shifted" not in found.out + found.err
    assert first.code == 0


def test_the_demo_refuses_a_home_in_which_other_systems_are_registered() -> None:
    with new_folder() as folder:
        home = Home(path=folder / "h")
        imported = lienthong("agency", "import", "--demo", home=home.path)
        assert imported.code == 0, imported.err
        assert (
            lienthong("system", "add", "QLVB thật", "--unit", DEPARTMENT.unit.code, home=home.path).code == 0
        )
        refused = lienthong("demo", "--once", "--port", "0", home=home.path)
        assert refused.code == 1
        assert "[not_a_demo]" in refused.err
        listed = lienthong("system", "list", home=home.path)
        assert COMMUNE.system not in listed.out


@pytest.mark.usefixtures("first")
def test_the_demo_fails_when_a_step_is_not_as_it_must_be(stage: Home) -> None:
    locked = lienthong("agency", "lock", DEPARTMENT.unit.code, home=stage.path)
    assert (locked.code, locked.err) == (0, "")
    failed = demo(stage)
    assert failed.code == 1
    assert "KHÔNG ĐẠT: " in failed.out
    assert "recipient_locked" in failed.out
    # What does not depend on the department still comes out as it should.
    assert "✓ huyện nhận được văn bản" in failed.out
