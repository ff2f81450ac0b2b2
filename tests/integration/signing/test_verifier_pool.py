"""The pool with real processes: killed, stopped and starved ones."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.ports.verification import VerificationCrashed, VerificationTimedOut, VerifierStopped
from hub.workers.verifier_pool import VerifierPool
from signing.addresses import AddressRules
from signing.devpki import DevPki
from signing.online import OnlineRules
from signing.pades import sign_letter
from signing.report import ChainStatus, Indication
from signing.xades_sign import sign_xml
from tests.support.papers import small_letter
from tests.support.pki import NOW as PKI_NOW
from tests.support.pki import Authorities

NOW = datetime.now(UTC)
MEMORY = 1 << 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pool")
    pki = DevPki.open_or_create(made / "pki", now=NOW)
    letter = small_letter("Trần Văn Bình")
    person = pki.issue_person("Trần Văn Bình", agency_name="UBND phường A")
    organisation = pki.issue_organisation("UBND phường A")
    signed = sign_letter(letter, person=person, organisation=organisation, now=NOW)
    (made / "signed.pdf").write_bytes(signed)
    with (made / "huge.pdf").open("wb") as file:
        file.write(b"%PDF-1.7\n")
        file.truncate(500 << 20)
    return made


@pytest.fixture
async def pool(folder: Path) -> AsyncIterator[VerifierPool]:
    async with VerifierPool(
        workers=1, timeout_s=30, memory_bytes=MEMORY, trust_folder=folder / "pki" / "trust"
    ) as made:
        yield made


async def _good(pool: VerifierPool, folder: Path) -> None:
    report = await pool.verify(folder / "signed.pdf", name="signed.pdf")
    assert report.indication is Indication.TOTAL_PASSED
    assert report.file == "signed.pdf"


async def _frozen(pool: VerifierPool) -> int:
    """Stop the only worker, so that its next job hangs."""
    (pid,) = pool.pids
    os.kill(pid, signal.SIGSTOP)
    return pid


async def test_a_signed_letter_passes_in_a_worker(pool: VerifierPool, folder: Path) -> None:
    await _good(pool, folder)


async def test_workers_ask_authorities_and_see_a_changed_trust_folder(
    vn: Authorities, tmp_path: Path
) -> None:
    (tmp_path / "letter.xml").write_bytes(sign_xml(b"<a><b/></a>", vn.credential("good"), now=PKI_NOW))
    trust = tmp_path / "trust"
    (trust / "anchors").mkdir(parents=True)
    rules = OnlineRules(
        addresses=AddressRules(allow_private=True, ports=frozenset()), cache_folder=tmp_path / "cache"
    )
    async with VerifierPool(
        workers=1, timeout_s=30, memory_bytes=MEMORY, trust_folder=trust, online=rules
    ) as pool:
        before = await pool.verify(tmp_path / "letter.xml", name="a")
        assert before.signatures[0].chain is ChainStatus.UNTRUSTED
        (trust / "anchors" / "root.crt").write_bytes(vn.certificate("root-g2").dump())
        # The intermediate comes from where the certificate says; revocation was asked for.
        after = await pool.verify(tmp_path / "letter.xml", name="a")
        assert after.signatures[0].chain is ChainStatus.TRUSTED
    assert "/aia/sub.crt" in vn.asked
    assert "/vn/ocsp/sub-g2" in vn.asked


async def test_many_jobs_share_few_workers(folder: Path) -> None:
    async with VerifierPool(workers=2, timeout_s=30, memory_bytes=MEMORY, trust_folder=None) as pool:
        reports = await asyncio.gather(*(pool.verify(folder / "signed.pdf", name=str(n)) for n in range(10)))
    assert [r.file for r in reports] == [str(n) for n in range(10)]


async def test_a_dying_worker_loses_its_job_and_no_other(pool: VerifierPool, folder: Path) -> None:
    await _good(pool, folder)
    pid = await _frozen(pool)
    async with asyncio.TaskGroup() as group:
        hit = group.create_task(_outcome(pool, folder))
        waiting = [group.create_task(_outcome(pool, folder)) for _ in range(3)]
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
    assert hit.result() == VerificationCrashed.code
    assert [w.result() for w in waiting] == ["TOTAL-PASSED"] * 3


async def test_a_job_that_takes_too_long_is_killed_and_the_next_one_is_right(folder: Path) -> None:
    async with VerifierPool(workers=1, timeout_s=0.5, memory_bytes=MEMORY, trust_folder=None) as pool:
        await pool.verify(folder / "signed.pdf", name="first")
        pid = await _frozen(pool)
        assert await _outcome(pool, folder) == VerificationTimedOut.code
        await pool.verify(folder / "signed.pdf", name="after")
        assert pid not in pool.pids


async def test_a_file_that_needs_more_memory_than_allowed_is_not_a_crash(folder: Path) -> None:
    async with VerifierPool(workers=1, timeout_s=30, memory_bytes=700 << 20, trust_folder=None) as pool:
        report = await pool.verify(folder / "huge.pdf", name="huge.pdf")
        assert report.indication is not Indication.TOTAL_PASSED
        after = await pool.verify(folder / "signed.pdf", name="signed.pdf")
        assert all(s.intact for s in after.signatures)


async def test_a_missing_file_is_a_verdict(pool: VerifierPool, folder: Path) -> None:
    report = await pool.verify(folder / "missing.pdf", name="missing.pdf")
    assert [f.code for f in report.findings] == ["FILE_UNREADABLE"]


async def test_a_cancelled_caller_does_not_hand_its_worker_on(pool: VerifierPool, folder: Path) -> None:
    await _good(pool, folder)
    pid = await _frozen(pool)
    task = asyncio.ensure_future(pool.verify(folder / "signed.pdf", name="x"))  # noqa: TID251 - to cancel it
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _good(pool, folder)
    assert pid not in pool.pids


async def test_stopping_ends_waiting_jobs_and_processes(folder: Path) -> None:
    pool = VerifierPool(workers=1, timeout_s=30, memory_bytes=MEMORY, trust_folder=None)
    await pool.verify(folder / "signed.pdf", name="first")
    pid = await _frozen(pool)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_outcome(pool, folder)) for _ in range(3)]
        await asyncio.sleep(0)
        await pool.stop()
    assert {t.result() for t in tasks} == {VerifierStopped.code}
    assert not pool.pids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def _outcome(pool: VerifierPool, folder: Path) -> str:
    try:
        report = await pool.verify(folder / "signed.pdf", name="x")
    except (VerificationCrashed, VerificationTimedOut, VerifierStopped) as error:
        return error.code
    return "TOTAL-PASSED" if all(s.intact for s in report.signatures) else "?"
