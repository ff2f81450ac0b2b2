"""The vendor kit says the same in both languages, and names nothing that is not there."""

from __future__ import annotations

import re

import pytest

from hub.domain.problems import PROBLEMS
from hub.domain.transport import DeliveryState
from tests.unit.docs.tables import DOCS

PAIRS = (("start", "bat-dau"), ("states", "trang-thai"))


def page(language: str, name: str) -> str:
    return (DOCS / "kit" / language / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("english", "vietnamese"), PAIRS)
def test_both_languages_name_the_same_codes_and_paths(english: str, vietnamese: str) -> None:
    codes = [
        sorted(set(re.findall(r"`([^`\n]+)`", page(*which))))
        for which in (("en", english), ("vi", vietnamese))
    ]
    assert [c for c in codes[1] if c not in codes[0] and "TRỤC" not in c and c != "systemid"] == []
    assert [c for c in codes[0] if c not in codes[1]] == []


def test_every_transport_state_is_in_the_table() -> None:
    text = page("en", "states")
    assert [state.value for state in DeliveryState if f"`{state.value}`" not in text] == []


def test_every_problem_in_the_table_exists() -> None:
    named = re.findall(r"\| [0-9, ]+ `([a-z_]+)` \|", page("en", "states"))
    assert named
    assert [code for code in named if code not in PROBLEMS] == []
    for status, code in re.findall(r"\| (\d{3}) `([a-z_]+)` \|", page("en", "states")):
        assert PROBLEMS[code].status == int(status)
