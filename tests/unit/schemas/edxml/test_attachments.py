"""Attachments: identity, true type, archives, names."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile

import pytest

from schemas.edxml.attachments import strip_cid
from schemas.edxml.read import AttachmentFile, ReadEdxml
from schemas.limits import KIB, MIB, FormatLimits
from schemas.media import DOCX, XLSX
from tests.unit.schemas.kit import (
    DOCUMENT,
    PDF,
    Bench,
    attachment,
    changed,
    reference,
    with_file,
    with_files,
    zipped,
)

SHEET = zipped(("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>"))


def only(result: ReadEdxml) -> AttachmentFile:
    (file,) = result.attachments
    return file


@pytest.mark.parametrize("text", ["X", "cid:X", "cid:cid:X", "CID:X", " cid:X ", "<X>", "cid:<X>", "\u200bX"])
def test_a_content_id_is_compared_without_its_scheme(text: str) -> None:
    assert strip_cid(text) == "X"


@pytest.mark.parametrize(("listed", "attached"), [("cid:X", "X"), ("X", "cid:cid:X"), ("cid:cid:X", "cid:X")])
def test_a_tangled_content_id_still_matches(bench: Bench, listed: str, attached: str) -> None:
    text = with_files([reference("a.pdf", cid=listed)], [attachment("a.pdf", PDF, cid=attached)])
    assert bench.warnings(text) == []


def test_an_attachment_is_found_by_name_then_by_position(bench: Bench) -> None:
    result = bench.read(
        with_files(
            [
                reference("b.pdf", cid="cid:r1"),
                reference("a.pdf", cid="cid:r2"),
                reference("z.pdf", cid="cid:r3"),
            ],
            [
                attachment("a.pdf", PDF, cid="cid:1"),
                attachment("b.pdf", PDF, cid="cid:2"),
                attachment("c.pdf", PDF, cid="cid:3"),
            ],
        )
    )
    assert [each.code for each in result.warnings] == ["content_id_mismatch"] * 3
    assert "position" in result.warnings[2].en


def test_what_the_attachment_does_not_say_the_manifest_does(bench: Bench) -> None:
    listed = changed(
        reference("a.pdf"),
        ("</edXML:Reference>", "<edXML:Description>mô tả</edXML:Description></edXML:Reference>"),
    )
    bare = attachment("", PDF, declared="")
    result = bench.read(with_files([listed], [bare]))
    assert only(result).name == "a.pdf"
    assert only(result).declared_type == "application/pdf"
    assert getattr(result.message, "attachments")[0].description == "mô tả"  # noqa: B009


def test_equal_content_ids_are_made_distinct(bench: Bench) -> None:
    result = bench.read(
        with_files(
            [reference("a.pdf"), reference("b.pdf")], [attachment("a.pdf", PDF), attachment("b.pdf", PDF)]
        )
    )
    assert [each.content_id for each in getattr(result.message, "attachments")] == ["1", "1-2"]  # noqa: B009


def test_a_missing_content_id_becomes_the_number(bench: Bench) -> None:
    result = bench.read(with_files([reference("a.pdf", cid="")], [attachment("a.pdf", PDF, cid="")]))
    assert [each.content_id for each in getattr(result.message, "attachments")] == ["1"]  # noqa: B009


def test_an_archive_made_by_the_sdk_is_undone(bench: Bench) -> None:
    content = b"Kinh gui"
    result = bench.read(with_file("a.txt", zipped(("7f22.txt", content)), declared="application/zip"))
    file = only(result)
    assert file.was_zipped
    assert file.path.read_bytes() == content
    assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).digest())
    assert file.media_type == "text/plain"
    assert result.warnings == ()
    assert not result.needs_repair


def test_an_archive_under_a_lying_type_is_undone_with_a_warning(bench: Bench) -> None:
    result = bench.read(with_file("a.pdf", zipped(("7f22.pdf", PDF))))
    assert only(result).was_zipped
    assert only(result).media_type == "application/pdf"
    assert [each.code for each in result.warnings] == ["content_type_mismatch"]


def test_only_one_layer_is_undone(bench: Bench) -> None:
    inner = zipped(("a.txt", b"x"))
    file = only(bench.read(with_file("a.txt", zipped(("b.txt", inner)), declared="application/zip")))
    assert file.path.read_bytes() == inner


def test_an_archive_sent_as_such_is_left_alone(bench: Bench) -> None:
    archive = zipped(("a.txt", b"x"))
    result = bench.read(with_file("ho so.zip", archive, declared="application/zip"))
    assert only(result).path.read_bytes() == archive
    assert only(result).media_type == "application/zip"
    assert result.warnings == ()


def test_a_sheet_is_an_archive_by_nature(bench: Bench) -> None:
    file = only(bench.read(with_file("a.xlsx", SHEET, declared="application/xslx")))
    assert (file.media_type, file.was_zipped) == (XLSX, False)


def test_a_zipped_sheet_is_undone_once(bench: Bench) -> None:
    file = only(bench.read(with_file("a.xlsx", zipped(("7f22.xlsx", SHEET)), declared="application/zip")))
    assert (file.media_type, file.was_zipped) == (XLSX, True)
    assert file.path.read_bytes() == SHEET


def test_an_office_file_declared_as_archive_is_not_taken_apart(bench: Bench) -> None:
    document = zipped(("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<x/>"))
    result = bench.read(with_file("a.docx", document, declared="application/zip"))
    assert (only(result).media_type, only(result).was_zipped) == (DOCX, False)
    assert result.needs_repair


def test_a_single_entry_of_another_kind_is_left_alone(bench: Bench) -> None:
    result = bench.read(
        with_file("map.kmz", zipped(("doc.kml", b"<kml/>")), declared="application/octet-stream")
    )
    assert not only(result).was_zipped
    assert [each.code for each in result.warnings] == ["archive_kept"]


def test_a_damaged_archive_nobody_asked_to_open_is_kept(bench: Bench) -> None:
    result = bench.read(with_file("a.docx", b"PK\x03\x04damaged", declared="application/docx"))
    assert "archive_kept" in [each.code for each in result.warnings]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"PK\x03\x04damaged"),
        ("a.txt", zipped(("a.txt", bytes(20 * MIB)))),
        ("a.txt", zipped(("../a.txt", b"x"))),
        ("a.zip", zipped(("../a.txt", b"x"), ("b", b""))),
        ("a.docx", zipped(("/etc/passwd", b"x"), ("[Content_Types].xml", b"x"), ("word/a", b""))),
    ],
)
def test_an_unsafe_archive_refuses_the_message(bench: Bench, name: str, content: bytes) -> None:
    refused = bench.refused(with_file(name, content, declared="application/zip"))
    assert refused.code == "archive_unsafe"
    assert refused.issues[0].path == "AttachmentEncoded/Attachment[1]"


def test_what_is_unzipped_counts_for_all_files_together(bench: Bench) -> None:
    files = [zipped(("a.txt", os.urandom(60 * KIB))) for _ in range(2)]
    text = with_files(
        [reference(f"{n}.txt", cid=f"{n}", declared="application/zip") for n in range(2)],
        [
            attachment(f"{n}.txt", file, cid=f"{n}", declared="application/zip")
            for n, file in enumerate(files)
        ],
    )
    assert len(bench.read(text, limits=FormatLimits(unzipped_bytes=120 * KIB)).attachments) == 2
    assert bench.refused(text, limits=FormatLimits(unzipped_bytes=119 * KIB)).code == "archive_unsafe"


def test_nothing_but_the_file_itself_is_left_in_the_spool(bench: Bench) -> None:
    file = only(bench.read(with_file("a.txt", zipped(("b.txt", b"x")), declared="application/zip")))
    assert list(file.path.parent.iterdir()) == [file.path]


def test_a_name_with_a_path_is_kept_as_declared_and_made_safe(bench: Bench) -> None:
    result = bench.read(with_file("..\\..\\x/CON.pdf", PDF))
    assert only(result).name == "..\\..\\x/CON.pdf"
    assert only(result).safe_name == "_CON.pdf"
    assert getattr(result.message, "attachments")[0].name == "_CON.pdf"  # noqa: B009


def test_names_of_one_message_are_distinct_on_disk(bench: Bench) -> None:
    result = bench.read(
        with_files(
            [reference("a.pdf", cid="1"), reference("A.pdf", cid="2")],
            [attachment("a.pdf", PDF, cid="1"), attachment("A.pdf", PDF, cid="2")],
        )
    )
    assert [each.safe_name for each in result.attachments] == ["a.pdf", "A (2).pdf"]


def test_attachments_may_stand_in_the_envelope_and_carry_its_prefix(bench: Bench) -> None:
    start, end = DOCUMENT.index("  <AttachmentEncoded>"), DOCUMENT.index("</edXML>")
    moved = DOCUMENT[start:end].replace("<Att", "<edXML:Att").replace("</Att", "</edXML:Att")
    text = (DOCUMENT[:start] + DOCUMENT[end:]).replace(
        "  </edXML:edXMLEnvelope>", moved + "  </edXML:edXMLEnvelope>"
    )
    assert only(bench.read(text)).media_type == "application/pdf"


def test_an_encrypted_archive_refuses_the_message_if_readers_would_open_it(bench: Bench) -> None:
    content = bytearray(zipped(("a.txt", b"x")))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    assert (
        bench.refused(with_file("a.txt", bytes(content), declared="application/zip")).code == "archive_unsafe"
    )


def test_a_container_that_names_its_type_is_known(bench: Bench) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("mimetype", "application/vnd.etsi.asic-e+zip")
        made.writestr("a.pdf", PDF)
    result = bench.read(with_file("a.asice", out.getvalue(), declared=""))
    assert only(result).media_type == "application/vnd.etsi.asic-e+zip"
    assert result.warnings == ()
