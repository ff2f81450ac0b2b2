"""Messages in the dialects from before QCVN 102 are read like any other, or refused in the same words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.edxml.dialect import Dialect
from schemas.edxml.model import DocumentMessage
from schemas.edxml.read import ReadEdxml, read
from schemas.edxml.write import write_document
from schemas.edxml.xsd import check_written
from schemas.issues import EdxmlRefused
from schemas.limits import FormatLimits
from schemas.split import MessageSplitter
from tests.unit.schemas.older.older_kit import (
    PAIR_HEADER,
    PDF,
    SOAP,
    attached,
    mime,
    pair,
    pair_attachments,
    read_cut,
    zipped,
)


def document(found: ReadEdxml) -> DocumentMessage:
    assert isinstance(found.message, DocumentMessage)
    return found.message


def refused(data: bytes, spool: Path, limits: FormatLimits | None = None) -> str:
    splitter = MessageSplitter(spool=spool, limits=limits or FormatLimits())
    with pytest.raises(EdxmlRefused) as caught:
        splitter.feed(data)
        read(splitter.close())
    splitter.abort()
    assert list(spool.iterdir()) == []
    return caught.value.code


def test_a_soap_message_with_its_attachment_is_read(tmp_path: Path) -> None:
    found = read_cut(mime(attached()), tmp_path)
    message = document(found)
    assert found.dialect is Dialect.EDOC_SOAP
    assert found.needs_repair
    assert (message.from_.code, message.to[0].code) == ("000.00.13.H99", "000.00.31.H99")
    assert (message.code, message.subject) == ("02/UBND-TTTH", "V/v báo cáo tình hình triển khai")
    assert message.other_info.priority == 1
    assert [(a.name, a.path.read_bytes()) for a in found.attachments] == [("cong-van.pdf", PDF)]


def test_the_rendition_of_a_soap_message_is_strict_and_has_no_token(tmp_path: Path) -> None:
    found = read_cut(mime(attached()), tmp_path)
    written = b"".join(write_document(document(found), [a.path for a in found.attachments]))
    assert check_written(written) == ()
    assert b"khong-ai-duoc-thay" not in written


def test_an_attachment_in_base64_is_decoded(tmp_path: Path) -> None:
    found = read_cut(mime(attached(encoding="base64")), tmp_path)
    assert found.attachments[0].path.read_bytes() == PDF


def test_lines_may_end_in_lf_alone(tmp_path: Path) -> None:
    found = read_cut(mime(attached(), newline=b"\n"), tmp_path)
    assert found.attachments[0].path.read_bytes() == PDF


@given(content=st.binary(max_size=400), sizes=st.lists(st.integers(1, 90), min_size=1, max_size=5))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_an_attachment_arrives_byte_for_byte_however_the_body_is_cut(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, sizes: list[int]
) -> None:
    boundary = "----=_Part_1.e-doc"
    content = content.replace(b"\n--" + boundary.encode(), b"")
    found = read_cut(mime(attached(content), boundary=boundary), tmp_path_factory.mktemp("m"), sizes)
    assert [a.path.read_bytes() for a in found.attachments] == [content]


@pytest.mark.parametrize(
    "tail", [b"\n--Bound", b"\r\n--Boundary2\r\n", b"\n--Boundary x\n", b"\r", b"\n--Boundary-"]
)
def test_what_only_looks_like_a_boundary_is_content(tmp_path: Path, tail: bytes) -> None:
    for size in (1, 7, 65_536):
        found = read_cut(mime(attached(PDF + tail)), tmp_path / str(size), (size,))
        assert found.attachments[0].path.read_bytes() == PDF + tail


def test_a_body_of_false_boundaries_is_read_in_linear_work(tmp_path: Path) -> None:
    content = b"\r\n--Boundary!" * 200_000
    found = read_cut(mime(attached(content)), tmp_path)
    assert found.attachments[0].size == len(content)


def test_a_soap_message_without_mime_is_read_and_says_what_it_lacks(tmp_path: Path) -> None:
    found = read_cut(SOAP.encode(), tmp_path)
    codes = {each.code for each in found.warnings}
    assert document(found).document_id == "1234"
    assert {"dialect_older", "attachment_missing", "business_missing"} <= codes


def test_the_dialect_does_not_depend_on_how_the_bytes_are_cut(tmp_path: Path) -> None:
    for size in (1, 3, 50):
        assert read_cut(SOAP.encode(), tmp_path / str(size), (size,)).dialect is Dialect.EDOC_SOAP


def test_a_pair_of_the_512_era_is_read(tmp_path: Path) -> None:
    found = read_cut(pair(attachments=pair_attachments(("bao-cao.pdf", PDF))), tmp_path, (37,))
    message = document(found)
    assert found.dialect is Dialect.PAIR_512
    assert (message.document_id, message.code) == ("77", "15/STTTT-VP")
    assert (message.signer_info.position, message.signer_info.full_name) == ("Phó Giám đốc", "Nguyễn Văn Mẫu")
    assert message.document_type.type_name == "Báo cáo"
    assert message.promulgation_date.raw == "2014/11/03"
    assert message.other_info.priority == 2
    assert message.trace_headers[0].organ_id == "000.00.13.H99"
    assert [a.path.read_bytes() for a in found.attachments] == [PDF]


def test_the_secrecy_of_a_pair_reaches_the_model(tmp_path: Path) -> None:
    header = PAIR_HEADER.replace("<edXML:Secret>Thường<", "<edXML:Secret>Tối mật<")
    assert document(read_cut(pair(header), tmp_path)).other_info.secret == "Tối mật"


def test_a_file_that_the_pair_wrapped_in_a_zip_is_unwrapped(tmp_path: Path) -> None:
    wrapped = zipped([("x.pdf", PDF)])
    found = read_cut(pair(attachments=pair_attachments(("bao-cao.pdf", wrapped))), tmp_path)
    assert found.attachments[0].path.read_bytes() == PDF


def test_a_prefix_that_the_writer_forgot_to_bind_is_bound(tmp_path: Path) -> None:
    found = read_cut(pair(attachments=pair_attachments(("a.pdf", PDF), declare=False)), tmp_path)
    assert found.attachments[0].name == "a.pdf"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (mime(attached())[:-30], "not_xml"),
        (b"--\r\n", "not_xml"),
        (mime(attached(encoding="quoted-printable")), "not_xml"),
        (mime(("X: " + "a" * 20_000, b"")), "not_xml"),
        (mime(attached(), envelope=SOAP.replace("www.e-doc.vn/Schema/", "example.org/")), "namespace_wrong"),
        (mime(attached(), envelope=SOAP.replace("MessageHeader", "Other")), "message_kind_unknown"),
        (mime(attached(), envelope='<!DOCTYPE a [<!ENTITY b "c">]>' + SOAP[39:]), "doctype_forbidden"),
        (mime(attached(), envelope="<a>"), "not_xml"),
        (mime(("Content-Transfer-Encoding: base64", b"a-b_")), "base64_invalid"),
        (zipped([("a.txt", "x")]), "message_kind_unknown"),
        (zipped([("a_header.xml", PAIR_HEADER), ("b_header.xml", PAIR_HEADER)]), "message_kind_unknown"),
        (zipped([("../a_header.xml", PAIR_HEADER)]), "archive_unsafe"),
        (pair()[:-10], "archive_unsafe"),
        (pair(attachments="<document><attach><attachment><name>a</name></attachment></attach></document>"),
         "attachment_shape_unknown"),
        (pair(attachments="<document><attachment><value><b/></value></attachment></document>"),
         "attachment_shape_unknown"),
        (pair("<a/>"), "message_kind_unknown"),
        (pair(PAIR_HEADER.replace("edXML:To>", "edXML:Cc>")), "to_missing"),
    ],
)  # fmt: skip
def test_a_broken_older_message_is_refused_with_its_code_and_leaves_nothing(
    tmp_path: Path, data: bytes, code: str
) -> None:
    assert refused(data, tmp_path) == code


def test_limits_hold_for_older_messages(tmp_path: Path) -> None:
    many = mime(*[attached(cid=str(n)) for n in range(4)])
    assert refused(many, tmp_path, FormatLimits(attachments=3)) == "too_many_attachments"
    assert (
        refused(mime(attached(PDF * 9)), tmp_path, FormatLimits(attachment_bytes=99))
        == "attachment_too_large"
    )
    assert refused(mime(attached()), tmp_path, FormatLimits(message_bytes=99)) == "message_too_large"
    bomb = pair(PAIR_HEADER + " " * 5_000_000)
    assert refused(bomb, tmp_path) in ("archive_unsafe", "skeleton_too_large")
    assert refused(SOAP.encode(), tmp_path, FormatLimits(skeleton_bytes=500)) == "skeleton_too_large"
