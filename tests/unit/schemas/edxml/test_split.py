"""The splitter: what it refuses, and that it does so as soon as it can."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.edxml.split import EdxmlSplitter
from schemas.issues import EdxmlRefused
from schemas.limits import KIB, MIB, FormatLimits
from tests.unit.schemas.kit import (
    CONTENT_OPEN,
    DOCUMENT,
    NAMESPACE,
    Bench,
    attachment,
    changed,
    reference,
    with_content,
    with_file,
    with_files,
)

HEAD, TAIL = DOCUMENT.split("<edXML:Subject>", 1)
ROOT = f'<edXML xmlns="{NAMESPACE}">'


def endless(head: str, body: bytes) -> Iterator[bytes]:
    """A message whose body never ends."""
    yield head.encode()
    while True:
        yield body


def fed_before_refusal(
    spool: Path, pieces: Iterator[bytes], limits: FormatLimits | None = None
) -> tuple[str, int]:
    """The code, and how many bytes it took."""
    splitter = EdxmlSplitter(spool=spool, limits=limits or FormatLimits())
    fed = 0
    with pytest.raises(EdxmlRefused) as caught:
        for piece in pieces:
            fed += len(piece)
            splitter.feed(piece)
    assert not list(spool.iterdir())
    return caught.value.code, fed


BLOCK = 64 * KIB


@pytest.mark.parametrize(
    ("head", "body", "code", "at_most"),
    [
        pytest.param(HEAD + "<edXML:Subject>", b"x" * BLOCK, "skeleton_too_large", 3 * MIB, id="text"),
        pytest.param(
            HEAD + "<edXML:Subject>", b"&#65;" * 13_000, "skeleton_too_large", 11 * MIB, id="references"
        ),
        pytest.param(HEAD + "<edXML:X a='", b"x" * BLOCK, "skeleton_too_large", MIB, id="attribute"),
        pytest.param(HEAD + "<edXML:X ", b"a='' " * 13_000, "skeleton_too_large", MIB, id="open tag"),
        pytest.param(HEAD + "<!--", b"x" * BLOCK, "skeleton_too_large", MIB, id="comment"),
        pytest.param(HEAD, b"<!--x-->" * 8_000, "skeleton_too_large", 3 * MIB, id="comments"),
        pytest.param(HEAD, b"<?p x?>" * 8_000, "skeleton_too_large", 3 * MIB, id="instructions"),
        pytest.param(HEAD + "<![CDATA[", b"x" * BLOCK, "skeleton_too_large", 3 * MIB, id="stray section"),
        pytest.param(
            HEAD + "<edXML:Subject><![CDATA[", b"x" * BLOCK, "skeleton_too_large", 3 * MIB, id="section"
        ),
        pytest.param(HEAD, b"<edXML:a>" * 7_000, "too_deep", 3 * MIB, id="depth"),
        pytest.param(HEAD, b"<edXML:a/>" * 6_000, "too_many_elements", MIB, id="elements"),
        pytest.param(HEAD, b"<edXML:To/>" * 500, "too_many_recipients", MIB, id="recipients"),
        pytest.param(
            ROOT + "<AttachmentEncoded>", b"<Attachment/>" * 9, "too_many_attachments", MIB, id="attachments"
        ),
        pytest.param("", b"x" * BLOCK, "not_xml", MIB, id="no tag"),
        pytest.param(f"{ROOT}\n", b" " * BLOCK, "skeleton_too_large", 3 * MIB, id="space"),
        pytest.param("<x>", b" ", "namespace_wrong", 100, id="root"),
    ],
)
def test_an_endless_stream_is_refused_early(
    tmp_path: Path, head: str, body: bytes, code: str, at_most: int
) -> None:
    refused, fed = fed_before_refusal(tmp_path, endless(head, body))
    assert refused == code
    assert fed <= at_most + len(head)


def test_two_gigabytes_of_content_stop_at_the_attachment_limit(tmp_path: Path) -> None:
    head = DOCUMENT[: DOCUMENT.index(CONTENT_OPEN) + len(CONTENT_OPEN)]
    limits = FormatLimits(attachment_bytes=3 * MIB)
    code, fed = fed_before_refusal(tmp_path, endless(head, b"QUJD" * 16_000), limits)
    assert code == "attachment_too_large"
    assert fed < 5 * MIB


def test_a_message_is_bounded_as_a_whole(tmp_path: Path) -> None:
    head = DOCUMENT[: DOCUMENT.index(CONTENT_OPEN) + len(CONTENT_OPEN)]
    limits = FormatLimits(message_bytes=MIB)
    code, fed = fed_before_refusal(tmp_path, endless(head, b" " * 10_000), limits)
    assert code == "message_too_large"
    assert fed < MIB + 20_000


def test_references_instead_of_letters_cannot_keep_the_parser_busy(tmp_path: Path) -> None:
    head = DOCUMENT[: DOCUMENT.index(CONTENT_OPEN) + len(CONTENT_OPEN)]
    for body in (b"&#65;" * 13_000, b"&#65;" * 13_000 + b"<!---->"):
        code, fed = fed_before_refusal(tmp_path, endless(head, body))
        assert code == "skeleton_too_large"
        assert fed < 4 * MIB


def test_content_with_a_line_break_reference_on_every_line_is_no_attack(bench: Bench) -> None:
    content = os.urandom(600_000)
    text = base64.b64encode(content).decode()
    lines = "&#13;\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    limits = FormatLimits(skeleton_bytes=64 * KIB)
    (file,) = bench.read(with_content(lines), limits=limits).attachments
    assert file.path.read_bytes() == content


@pytest.mark.parametrize("count", [2_000, 2_001])
def test_the_number_of_recipients_is_bounded(bench: Bench, count: int) -> None:
    recipient = "<edXML:To><edXML:OrganId>000.00.03.H99</edXML:OrganId></edXML:To>"
    start, end = DOCUMENT.index("<edXML:To>"), DOCUMENT.rindex("</edXML:To>") + len("</edXML:To>")
    text = DOCUMENT[:start] + recipient * count + DOCUMENT[end:]
    if count > 2_000:
        assert bench.refused(text).code == "too_many_recipients"
    else:
        message = bench.read(text).message
        assert hasattr(message, "to")
        assert len(message.to) == 2_000


@pytest.mark.parametrize("count", [100, 101])
def test_the_number_of_attachments_is_bounded(bench: Bench, count: int) -> None:
    text = with_files(
        [reference(f"{n}.pdf", cid=f"cid:{n}") for n in range(count)],
        [attachment(f"{n}.pdf", b"%PDF-", cid=f"cid:{n}") for n in range(count)],
    )
    if count > 100:
        assert bench.refused(text).code == "too_many_attachments"
    else:
        assert len(bench.read(text).attachments) == 100


@pytest.mark.parametrize(
    "attachments",
    [
        pytest.param("<Attachment><AttachmentData>Yg==</AttachmentData></Attachment>", id="AttachmentData"),
        pytest.param("<Attachment><ContentId>1</ContentId></Attachment>", id="no content"),
        pytest.param("<ContentTransferEncoded>Yg==</ContentTransferEncoded>", id="outside an attachment"),
        pytest.param(
            "<Attachment><ContentTransferEncoded>Yg==</ContentTransferEncoded>"
            "<ContentTransferEncoded>Yg==</ContentTransferEncoded></Attachment>",
            id="two contents",
        ),
        pytest.param(
            "<Attachment><ContentTransferEncoded><b>Yg==</b></ContentTransferEncoded></Attachment>",
            id="nested element",
        ),
        pytest.param(
            "<Attachment><Attachment><ContentTransferEncoded>Yg==</ContentTransferEncoded>"
            "</Attachment></Attachment>",
            id="nested attachment",
        ),
        pytest.param(
            "<Attachment><x><ContentTransferEncoded>Yg==</ContentTransferEncoded></x></Attachment>",
            id="content one level too deep",
        ),
        pytest.param(
            "<x><Attachment><ContentTransferEncoded>Yg==</ContentTransferEncoded></Attachment></x>",
            id="attachment one level too deep",
        ),
    ],
)
def test_an_attachment_of_another_shape_is_refused(bench: Bench, attachments: str) -> None:
    assert bench.refused(with_files([reference("a.pdf")], [attachments])).code == "attachment_shape_unknown"


@pytest.mark.parametrize("place", ["</edXML:MessageHeader>", "</edXML:edXMLBody>", "</edXML:edXMLHeader>"])
def test_a_file_where_no_receiver_looks_is_refused(bench: Bench, place: str) -> None:
    hidden = f"<AttachmentEncoded>{attachment('b.pdf', b'%PDF-')}</AttachmentEncoded>"
    assert bench.refused(changed(DOCUMENT, (place, hidden + place))).code == "attachment_shape_unknown"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(DOCUMENT[:-20], id="cut"),
        pytest.param(DOCUMENT + "more", id="text after the root"),
        pytest.param(DOCUMENT + "<a/>", id="a second root"),
        pytest.param(DOCUMENT.replace("Thử", "Th\x00"), id="NUL"),
        pytest.param(DOCUMENT.replace("<edXML:Subject>", "<edXML:Subject>&nbsp;"), id="entity"),
        pytest.param(DOCUMENT.replace("<edXML:Subject>", "<f:x/><edXML:Subject>"), id="undeclared prefix"),
        pytest.param("", id="empty"),
        pytest.param("{}", id="json"),
        pytest.param("PK\x03\x04", id="zip"),
    ],
)
def test_what_is_not_xml_is_refused(bench: Bench, text: str) -> None:
    assert bench.refused(text).code == "not_xml"


@pytest.mark.parametrize(
    "root",
    [
        "<edXML>",
        '<edXML xmlns="http://www.e-doc.vn/Schema/">',
        '<edXML xmlns="http://www.go.vn/eDoc">',
        f'<document xmlns="{NAMESPACE}">',
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">',
    ],
)
def test_another_root_is_refused_at_once_by_name(bench: Bench, root: str) -> None:
    splitter = EdxmlSplitter(spool=bench.spool())
    with pytest.raises(EdxmlRefused) as caught:
        splitter.feed(root.encode())
    assert caught.value.code == "namespace_wrong"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_doctype_is_refused_at_every_cut_of_every_encoding(bench: Bench, encoding: str) -> None:
    text = changed(DOCUMENT, ("?>\n", '?>\n<!DOCTYPE edXML [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n'))
    mark = "" if encoding == "utf-8" else "\ufeff"
    data = (mark + text).encode(encoding)
    width = len("x".encode(encoding))
    before, after = (text.index("<!DOCTYPE") - 3) * width, (text.index("]>") + 5) * width
    for cut in range(before, after):
        with pytest.raises(EdxmlRefused) as caught:
            bench.split(data, cuts=[cut])
        assert caught.value.code == "doctype_forbidden"
    with pytest.raises(EdxmlRefused) as caught:
        bench.split(data, cuts=range(before, after))
    assert caught.value.code == "doctype_forbidden"


def test_nothing_can_be_fed_after_the_end(bench: Bench) -> None:
    splitter = EdxmlSplitter(spool=bench.spool())
    splitter.feed(DOCUMENT.encode())
    splitter.close()
    with pytest.raises(RuntimeError):
        splitter.feed(b" ")
    with pytest.raises(RuntimeError):
        splitter.close()


def test_giving_up_removes_every_file_and_may_be_repeated(bench: Bench) -> None:
    spool = bench.spool()
    splitter = EdxmlSplitter(spool=spool)
    splitter.feed(with_content("QUJD" * 100_000)[:-1000].encode())
    assert list(spool.iterdir())
    splitter.abort()
    splitter.abort()
    assert not list(spool.iterdir())


def test_giving_up_after_the_end_removes_every_file(bench: Bench) -> None:
    spool = bench.spool()
    splitter = EdxmlSplitter(spool=spool)
    splitter.feed(DOCUMENT.encode())
    splitter.close()
    assert list(spool.iterdir())
    splitter.abort()
    assert not list(spool.iterdir())


def test_a_refusal_at_the_end_leaves_nothing(bench: Bench) -> None:
    first = attachment("a.txt", b"text", declared="text/plain")
    damaged = attachment("b.txt", b"PK\x03\x04damaged", declared="application/zip", cid="cid:2")
    assert bench.refused(with_files([], [first, damaged])).code == "archive_unsafe"


def test_a_full_disk_is_not_a_refusal_and_leaves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = bench.spool()
    splitter = EdxmlSplitter(spool=spool)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("schemas.edxml.content.ContentSink._store", full)
    with pytest.raises(OSError, match="No space"):
        splitter.feed(DOCUMENT.encode())
    assert not list(spool.iterdir())


def test_only_attachments_are_written(bench: Bench) -> None:
    spool = bench.spool()
    splitter = EdxmlSplitter(spool=spool)
    splitter.feed(with_file("mật.pdf", b"%PDF-").encode())
    split = splitter.close()
    assert (
        [path.name for path in spool.iterdir()] == ["attachment-0001.bin"] == [split.attachments[0].path.name]
    )


def test_content_right_before_its_end_tag_is_complete(bench: Bench) -> None:
    (file,) = bench.read(with_content("QUJD" * 50_000 + "\r\n")).attachments
    assert file.path.read_bytes() == b"ABC" * 50_000
