"""Faces are of the whole process: one thread at a time makes a subset of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from reportlab.pdfbase.ttfonts import TTFontFile

from adapters.simulator.letter import make_letter
from signing.appearance import Appearance, Place, draw
from signing.report import Role

THREADS = 4


def letter() -> bytes:
    return make_letter(
        issuing_body="Sở Nội vụ",
        code_notation="1/SNV-VP",
        place="Bình Dương",
        issued_on=date(2026, 11, 22),
        subject="V/v báo cáo quý",
        addressees=["Sở Tài chính"],
        paragraphs=["Kính gửi"],
        signer_title="GIÁM ĐỐC",
        signer_name="Lê Minh Họa",
    )


def line() -> bytes:
    place = Place(page=0, left=100, bottom=100, right=220, top=114)
    return draw(Appearance(role=Role.INCOMING, place=place, text="ĐẾN ngày 22/11/2026"))


@pytest.mark.parametrize("drawing", [letter, line], ids=["letter", "line"])
def test_threads_never_draw_at_once(monkeypatch: pytest.MonkeyPatch, drawing: Callable[[], bytes]) -> None:
    inside, most = 0, 0
    subset = TTFontFile.makeSubset
    start = threading.Barrier(THREADS)

    def counted(self: TTFontFile, *rest: object) -> object:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threading.Event().wait(0.001)
        made = subset(self, *rest)
        inside -= 1
        return made

    def work() -> bytes:
        start.wait()
        return drawing()

    alone = drawing()
    monkeypatch.setattr(TTFontFile, "makeSubset", counted)
    with ThreadPoolExecutor(THREADS) as threads:
        made = [done.result() for done in [threads.submit(work) for _ in range(THREADS)]]
    assert most == 1
    assert made == [alone] * THREADS
