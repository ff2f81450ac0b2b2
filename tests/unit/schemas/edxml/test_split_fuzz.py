"""However a message is cut or broken, the splitter gives one verdict, and never anything but a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.edxml.read import examine
from schemas.edxml.split import EdxmlSplitter
from schemas.issues import EdxmlRefused
from schemas.limits import KIB, FormatLimits
from tests.unit.schemas.kit import ASSETS, PDF, Bench, with_file, zipped

LIMITS = FormatLimits(
    skeleton_bytes=32 * KIB, markup_bytes=2 * KIB, elements=500, recipients=20, attachment_bytes=64 * KIB
)
SEEDS = [path.read_bytes() for path in sorted(ASSETS.iterdir())]
SEEDS += [
    with_file("a.txt", zipped(("x.txt", PDF)), declared="application/zip").encode(),
    with_file("../ư.docx", zipped(("[Content_Types].xml", b"<x/>"), ("word/d.xml", b""))).encode("utf-16"),
    b"junk" + SEEDS[0].replace(b"<edXML:Reference>", b"<edXML:Reference xlink:href='cid:1'>"),
]
INSERTS = [
    b"<!DOCTYPE a>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<", b">", b"&", b"&#0;", b"&#65;", b"'", b'"',
    b"\x00", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xff\xfe", b"<?xml version='1.0' encoding='x'?>",
    b"</edXML>",
    b"<edXML:To/>", b"<Attachment>", b"<ContentTransferEncoded>", b" xmlns:edXML='u'", b"<a:b/>", b"x" * 3000,
]  # fmt: skip


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A good message with a few things done to it."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        action = draw(st.sampled_from(["insert", "delete", "flip", "copy", "cut"]))
        if action == "insert":
            data[at:at] = draw(st.sampled_from(INSERTS))
        elif action == "delete":
            del data[at : at + draw(st.integers(1, 200))]
        elif action == "flip" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif action == "copy":
            data[at:at] = data[draw(st.integers(0, len(data))) :][: draw(st.integers(1, 500))]
        elif action == "cut":
            del data[at:]
    return bytes(data)


def verdict(spool: Path, data: bytes, cuts: list[int]) -> object:
    """All that can be told of the outcome."""
    splitter = EdxmlSplitter(spool=spool, limits=LIMITS)
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    try:
        for number in range(len(bounds) - 1):
            splitter.feed(data[bounds[number] : bounds[number + 1]])
        split = splitter.close()
        result, errors = examine(split)
        files = [(each.sha256, each.media_type, each.was_zipped) for each in result.attachments]
        outcome = (result.message, result.dialect, result.needs_repair, result.warnings, errors, files)
        splitter.abort()
    except EdxmlRefused as refused:
        splitter.abort()
        outcome = (refused.code,)  # type: ignore[assignment]
    assert not list(spool.iterdir())
    return outcome


@settings(max_examples=300)
@given(data=messages(), cuts=st.lists(st.integers(0, 8_000), max_size=30), step=st.integers(1, 400))
def test_the_verdict_does_not_depend_on_the_cuts(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cuts: list[int], step: int
) -> None:
    bench = Bench(tmp_path_factory.mktemp("fuzz"))
    whole = verdict(bench.spool(), data, [])
    for places in (cuts, list(range(0, len(data), step))):
        cut = verdict(bench.spool(), data, places)
        # A message that is too large and broken within one chunk may be refused for either.
        assert cut == whole or {cut, whole} == {("not_xml",), ("skeleton_too_large",)}


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cuts: list[int]
) -> None:
    bench = Bench(tmp_path_factory.mktemp("fuzz"))
    assert verdict(bench.spool(), data, cuts) == verdict(bench.spool(), data, [])
