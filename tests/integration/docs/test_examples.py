"""The programs printed in the documentation do what the pages say, against a hub."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.hub import A, B, HubUnderTest, Peer

ROOT = Path(__file__).parents[3]


def program(page: str) -> str:
    """The Python program printed in a page."""
    found: list[str] = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL
    )
    assert len(found) == 1
    return found[0]


def load(page: str) -> Any:
    """The program's names, without running its main part."""
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(program(page), page, "exec"), names)
    return SimpleNamespace(**names)


@pytest.fixture
def letter() -> bytes:
    """The letter of the tutorial, from A to B."""
    text = (ROOT / "tests/assets/edxml/doc_0_new.edxml").read_text(encoding="utf-8")
    renamed = {"000.00.02.H99": A, "000.00.03.H99": B, "000.00.31.H99": "000.00.06.H09"}
    for old, new in renamed.items():
        text = text.replace(old, new)
    return text.encode()


@pytest.fixture
def client_of(hub: HubUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Peer], Any]:
    """Gives the client of the guide, with folders of its own, as a system."""

    def make(peer: Peer) -> Any:
        monkeypatch.setenv("HUB", hub.url)
        monkeypatch.setenv("KEY", peer.key)
        out, into = tmp_path / peer.name / "out", tmp_path / peer.name / "in"
        out.mkdir(parents=True)
        into.mkdir()
        client = load("howto/connect-a-dms.md")
        client.send.__globals__.update(OUT=out, IN=into)
        return SimpleNamespace(once=client.once, out=out, into=into)

    return make


async def test_the_client_of_the_guide_sends_and_receives(
    hub: HubUnderTest, a: Peer, b: Peer, client_of: Callable[[Peer], Any], letter: bytes
) -> None:
    sender, recipient = client_of(a), client_of(b)
    (sender.out / "letter.edxml").write_bytes(letter)
    await asyncio.to_thread(sender.once, 0)
    await hub.settle()
    await asyncio.to_thread(recipient.once, 0)
    assert [path.suffix for path in sorted(sender.out.iterdir())] == [".receipt", ".sent"]
    (received,) = recipient.into.iterdir()
    assert received.read_bytes() == letter
    assert await b.inbox() == []


async def test_the_client_of_the_guide_leaves_what_was_refused(
    a: Peer, client_of: Callable[[Peer], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    sender = client_of(a)
    (sender.out / "bad.edxml").write_bytes(b"no XML")
    await asyncio.to_thread(sender.once, 0)
    assert [path.name for path in sender.out.iterdir()] == ["bad.edxml"]
    assert "not_xml" in capsys.readouterr().out


async def test_the_client_of_the_guide_confirms_what_it_has_without_storing_it_twice(
    hub: HubUnderTest, a: Peer, b: Peer, client_of: Callable[[Peer], Any], letter: bytes
) -> None:
    await a.accepted(letter)
    await hub.settle()
    recipient = client_of(b)
    kept = recipient.into / f"{await b.only()}.edxml"
    kept.write_bytes(b"stored before the power went")
    await asyncio.to_thread(recipient.once, 0)
    assert kept.read_bytes() == b"stored before the power went"
    assert await b.inbox() == []


@pytest.mark.needs("openssl")
async def test_the_receipt_program_accepts_a_receipt_and_no_other(
    a: Peer, b: Peer, letter: bytes, tmp_path: Path
) -> None:
    receipt, keys, sent = tmp_path / "receipt.json", tmp_path / "keys.json", tmp_path / "letter.edxml"
    sent.write_bytes(letter)
    receipt.write_bytes((await a.accepted(letter)).raw)
    keys.write_bytes((await a.call("GET", "/api/v1/keys")).raw)
    check = load("reference/receipts.md").main
    await asyncio.to_thread(check, receipt, keys, sent)

    genuine = receipt.read_bytes()
    jws = re.findall(rb'"jws":"([^"]+)"', genuine)[0]
    other = jws[:-8] + (b"AAAA" if jws[-8:-4] != b"AAAA" else b"BBBB") + jws[-4:]
    for forged, reason in (
        (genuine.replace(b'"routed"', b'"ruoted"'), "not what was signed"),
        (genuine.replace(jws, other), "signature is wrong"),
    ):
        receipt.write_bytes(forged)
        with pytest.raises(SystemExit, match=reason):
            await asyncio.to_thread(check, receipt, keys, sent)
    receipt.write_bytes(genuine)
    sent.write_bytes(letter + b"\n")
    with pytest.raises(SystemExit, match="another file"):
        await asyncio.to_thread(check, receipt, keys, sent)
