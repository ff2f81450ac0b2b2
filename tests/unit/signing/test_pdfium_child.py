"""PDFium works where it can be ended: pages made to keep it busy, or to end its process, cost a moment."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Never

import pytest

from signing.options import VerifyOptions
from signing.pades import append_signature
from signing.pdfium_child import ChildLost, PdfiumChild
from signing.report import Changes
from signing.report_pictures import changed_pages
from signing.verify import verify_bytes
from tests.support.raw_pdf import with_objects
from tests.unit.signing.conftest import NOW, Office

SECONDS = 20.0
"""Far above what is needed, and far below what the page would take."""


def _stream(entries: bytes, content: bytes) -> bytes:
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (entries, len(content), content)


def _doubling(depth: int) -> bytes:
    """A page whose form draws another twice, which draws another twice, `depth` times."""
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 200 200]"
    page = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>>>"
    )
    forms = [
        _stream(b"%b/Resources<</XObject<</F %d 0 R>>>>" % (form, n + 6), b"/F Do 1 0 0 1 1 1 cm /F Do")
        for n in range(depth)
    ]
    return with_objects(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page,
        _stream(b"", b"/F Do"),
        *forms,
        _stream(form, b"0 0 5 5 re f"),
    )


@pytest.fixture(scope="module")
def endless(office: Office) -> bytes:
    """Two signatures on a page that would take days to draw."""
    once = append_signature(_doubling(34), office.person, now=NOW).data
    return append_signature(once, office.organisation, now=NOW).data


def test_a_page_that_would_take_days_is_not_waited_for(endless: bytes) -> None:
    began = time.monotonic()
    report = verify_bytes(endless, name="f", options=VerifyOptions(no_trust=True))
    assert time.monotonic() - began < SECONDS
    assert [s.intact for s in report.signatures] == [True, True]
    codes = {f.code for s in report.signatures for f in s.findings}
    assert "PAGES_NOT_COMPARED" in codes
    assert "INTERNAL_ERROR" not in codes


def test_the_printed_report_does_not_wait_for_such_a_page_either(
    endless: bytes, file_with: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signing.report_pictures.SECONDS", 0.2)
    report = verify_bytes(endless, name="f", options=VerifyOptions(no_trust=True))
    doubtful = replace(report, signatures=(replace(report.signatures[0], changes=Changes.SUSPICIOUS),))
    began = time.monotonic()
    assert changed_pages(doubtful, file_with(endless)) == ()
    assert time.monotonic() - began < SECONDS


def test_an_answer_comes_back(office: Office) -> None:
    child: PdfiumChild[int, tuple[int, int]] = PdfiumChild(lambda n: (n + len(office.letter), os.getpid()))
    first, pid = child.ask(1, SECONDS)
    assert (first, pid) == (1 + len(office.letter), child.ask(1, SECONDS)[1])
    assert pid != os.getpid()
    child.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def _end(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail(_: int) -> Never:
    raise ValueError


def _sleep(_: int) -> None:
    time.sleep(SECONDS)  # in the other process, which is killed


@pytest.mark.parametrize("serve", [_end, _fail, _sleep])
def test_a_process_that_ends_or_does_not_answer_is_lost_for_good(serve: object) -> None:
    child: PdfiumChild[int, None] = PdfiumChild(serve)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(ChildLost):
            child.ask(1, 0.2 if serve is _sleep else SECONDS)
    child.close()


def test_where_no_process_can_be_made_the_question_is_answered_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Never:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    child: PdfiumChild[int, int] = PdfiumChild(lambda _: os.getpid())
    assert child.ask(1, SECONDS) == os.getpid()
    child.close()
