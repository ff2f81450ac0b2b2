"""A file is judged once, as long as nothing that the verdict rests on has changed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.ports.unit_of_work import DatabaseUnavailable
from hub.services.verdicts import Rules, Verdicts
from signing.messages import Code
from signing.report import FileFormat, FileReport, Indication, Revocation, SignatureReport, SubIndication
from signing.verify import unfinished


class Workers:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.since: list[datetime | None] = []
        self.change: Any = lambda report: report

    async def verify(
        self, path: Path, *, name: str, content: Sequence[Path] = (), existed_by: datetime | None = None
    ) -> FileReport:
        del content
        self.asked.append(name)
        self.since.append(existed_by)
        await asyncio.sleep(0)
        data = await asyncio.to_thread(path.read_bytes)
        made = FileReport(
            file=name,
            format=FileFormat.PDF,
            sha256=hashlib.sha256(data).hexdigest(),
            indication=Indication.NO_SIGNATURE,
            elapsed_ms=5,
        )
        return self.change(made)  # type: ignore[no-any-return]

    async def first_page_lines(self, _path: Path) -> Sequence[str]:
        return ()

    async def print_report(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError


class Rows:
    """The rows that nodes share."""

    def __init__(self) -> None:
        self.rows: dict[tuple[bytes, str], bytes] = {}
        self.accepted: datetime | None = None
        self.away = False

    async def find(self, sha256: bytes, under: str, *, younger_than: timedelta) -> bytes | None:
        assert younger_than
        return self.rows.get((sha256, under))

    async def received(self, sha256: bytes) -> datetime | None:
        assert sha256
        return self.accepted

    async def keep(self, sha256: bytes, under: str, report: bytes) -> None:
        self.rows[sha256, under] = report

    @property
    def verdicts(self) -> Rows:
        return self

    @asynccontextmanager
    async def begin(self) -> Any:
        if self.away:
            raise DatabaseUnavailable("away")
        yield self

    read = begin


class Stage:
    """Two nodes on the same rows."""

    def __init__(self, folder: Path, *, online: bool = False) -> None:
        self.rows, self.trust, self.online = Rows(), "t1", online
        self.workers = Workers()
        self.path = folder / "a.pdf"
        self.path.write_bytes(b"%PDF a")
        self.node = self.another()

    def another(self) -> Verdicts:
        rules = Rules(version="1", trust=lambda: self.trust, online=self.online)
        return Verdicts(self.workers, self.rows, rules)

    async def ask(self, name: str = "a", *, node: Verdicts | None = None) -> FileReport:
        return await (node or self.node).verify(self.path, name=name)

    @property
    def count(self) -> int:
        return len(self.workers.asked)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_the_same_bytes_are_judged_once_under_any_name(stage: Stage) -> None:
    first, second = await stage.ask("a"), await stage.ask("b")
    assert stage.count == 1
    assert second == replace(first, file="b", elapsed_ms=0.0)


async def test_asked_for_twice_at_once_they_are_judged_once(stage: Stage) -> None:
    await asyncio.gather(*(stage.ask(str(n)) for n in range(20)))
    assert stage.count == 1


async def test_another_node_finds_the_row(stage: Stage) -> None:
    await stage.ask()
    assert (await stage.ask("b", node=stage.another())).file == "b"
    assert stage.count == 1


async def test_a_changed_file_or_a_changed_trust_is_judged_anew(stage: Stage) -> None:
    await stage.ask()
    stage.trust = "t2"
    await stage.ask()
    stage.path.write_bytes(b"%PDF b")
    await stage.ask()
    assert stage.count == 3


async def test_what_could_not_be_finished_is_not_kept(stage: Stage) -> None:
    stage.workers.change = lambda r: unfinished(r.file, sha256=r.sha256, code=Code.VERIFICATION_TIMED_OUT)
    await stage.ask()
    await stage.ask()
    assert stage.count == 2
    assert not stage.rows.rows


@pytest.mark.parametrize("online", [True, False])
async def test_a_missing_answer_of_an_authority_is_asked_for_again(tmp_path: Path, online: bool) -> None:
    stage = Stage(tmp_path, online=online)
    waiting = SignatureReport(
        id="S1",
        indication=Indication.INDETERMINATE,
        sub_indication=SubIndication.TRY_LATER,
        revocation=Revocation.UNKNOWN,
    )
    stage.workers.change = lambda r: replace(r, signatures=(waiting,))
    await stage.ask()
    await stage.ask()
    assert stage.count == (2 if online else 1)


async def test_a_report_on_other_bytes_than_were_given_is_not_kept(stage: Stage) -> None:
    stage.workers.change = lambda r: replace(r, sha256="00" * 32)
    await stage.ask()
    assert not stage.rows.rows


async def test_without_the_database_and_with_spoilt_rows_verification_goes_on(stage: Stage) -> None:
    await stage.ask()
    stage.rows.rows = dict.fromkeys(stage.rows.rows, b"spoilt")
    await stage.ask(node=stage.another())
    stage.rows.away = True
    await stage.ask(node=stage.another())
    assert stage.count == 3


async def test_what_is_forgotten_is_judged_anew(stage: Stage) -> None:
    await stage.ask()
    stage.rows.rows.clear()
    await stage.node.forget([hashlib.sha256(b"%PDF a").digest()])
    await stage.ask()
    assert stage.count == 2


async def test_memory_has_its_bounds(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.services.verdicts.HELD_MOST", 2)
    for n in range(5):
        stage.path.write_bytes(f"%PDF {n}".encode())
        await stage.ask()
    assert len(stage.node._held) == 2


MONDAY, TUESDAY = datetime(2026, 3, 2, 8, tzinfo=UTC), datetime(2026, 3, 3, 8, tzinfo=UTC)


async def test_a_file_that_the_hub_never_accepted_has_no_proof_of_its_time(stage: Stage) -> None:
    await stage.ask()
    assert stage.workers.since == [None]


async def test_the_acceptance_of_this_copy_is_a_proof(stage: Stage) -> None:
    await stage.node.verify(stage.path, name="a", existed_by=MONDAY)
    assert stage.workers.since == [MONDAY]


@pytest.mark.parametrize("copy", [None, TUESDAY], ids=["brought by somebody", "accepted again"])
async def test_the_earliest_acceptance_of_the_same_bytes_counts(stage: Stage, copy: datetime | None) -> None:
    stage.rows.accepted = MONDAY
    await stage.node.verify(stage.path, name="a", existed_by=copy)
    assert stage.workers.since == [MONDAY]


async def test_a_verdict_without_the_proof_is_not_given_where_there_is_one(stage: Stage) -> None:
    await stage.ask()
    await stage.node.verify(stage.path, name="a", existed_by=MONDAY)
    assert stage.workers.since == [None, MONDAY]


async def test_copies_that_come_together_are_judged_once(stage: Stage) -> None:
    times = [MONDAY + timedelta(seconds=n) for n in range(20)]
    await asyncio.gather(*(stage.node.verify(stage.path, name="a", existed_by=each) for each in times))
    assert stage.workers.since == [MONDAY]


async def test_a_signature_file_with_its_data_beside_it_has_the_proof_too(stage: Stage) -> None:
    await stage.node.verify(stage.path, name="a", content=(stage.path,), existed_by=MONDAY)
    assert stage.workers.since == [MONDAY]


async def test_policy_may_leave_the_proof_out(stage: Stage) -> None:
    stage.rows.accepted = MONDAY
    rules = Rules(version="1", trust=lambda: "t1", online=False, receipt_proves=False)
    await Verdicts(stage.workers, stage.rows, rules).verify(stage.path, name="a", existed_by=MONDAY)
    assert stage.workers.since == [None]


async def test_without_a_database_the_copys_own_acceptance_still_counts(stage: Stage) -> None:
    stage.rows.away = True
    await stage.node.verify(stage.path, name="a", existed_by=TUESDAY)
    assert stage.workers.since == [TUESDAY]
