"""`lienthong relay …` on a home without a running node: set up, look, decide."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.process import Home, lienthong, new_folder

NAME = "Trục quốc gia"


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home with a way out that leads nowhere."""
    with new_folder() as folder:
        made = Home(path=folder / "h")
        commands = (
            ("system", "add", NAME),
            ("system", "set", NAME, "adapter=national", "endpoint=http://127.0.0.1:9", "system_id=00.09.W00"),
        )
        for command in commands:
            done = lienthong(*command, home=made.path)
            assert done.code == 0, done.err
        secret = folder / "secret"
        secret.write_text("khoa-chi-de-thu")
        done = lienthong("system", "secret", NAME, "secret", "--file", str(secret), home=made.path)
        assert done.code == 0, done.err
        yield made


def test_status_says_that_nothing_was_fetched_yet(home: Home) -> None:
    (shown,) = json.loads(lienthong("relay", "status", "--json", home=home.path).out)
    assert (shown["system"], shown["last_ok_at"], shown["packages"]) == (NAME, None, {})
    assert "chưa nhận lần nào" in lienthong("relay", "status", home=home.path).out


def test_nothing_is_in_quarantine(home: Home) -> None:
    assert json.loads(lienthong("relay", "quarantined", "--json", home=home.path).out) == []


@pytest.mark.parametrize("command", ["retry", "drop"])
def test_an_unknown_package_is_said(home: Home, command: str) -> None:
    done = lienthong("relay", command, "5f1", home=home.path)
    assert done.code == 1
    assert "[package_unknown]" in done.err


def test_an_exchange_that_is_not_there_is_said(home: Home) -> None:
    done = lienthong("relay", "directory", home=home.path)
    assert done.code == 1
    assert "[exchange_unreachable]" in done.err
    assert "Traceback" not in done.err


def test_the_secret_is_shown_nowhere(home: Home) -> None:
    shown = lienthong("system", "show", NAME, home=home.path)
    assert "khoa-chi-de-thu" not in shown.out + shown.err
