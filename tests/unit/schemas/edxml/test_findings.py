"""Every refusal and every warning of the catalogue, each with a message that earns it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from schemas.edxml.read import read
from schemas.limits import FormatLimits
from schemas.messages import CATALOGUE
from tests.unit.schemas.kit import (
    CONTENT_OPEN,
    DOCUMENT,
    NAMESPACE,
    PDF,
    STATUS,
    Bench,
    attachment,
    changed,
    reference,
    with_content,
    with_file,
    with_files,
    without,
    zipped,
)

SMALL = FormatLimits(attachment_bytes=100, message_bytes=30_000, elements=200, skeleton_bytes=18_000)
# Found elsewhere: in writing, about a file that cannot be opened, in the older dialects.
NOT_OF_READING = {"control_removed", "schema_violation", "file_unreadable", "dialect_older"}

REFUSALS: dict[str, str | bytes] = {
    "not_xml": DOCUMENT[:-10],
    "doctype_forbidden": changed(DOCUMENT, ("?>\n", "?><!DOCTYPE edXML>")),
    "encoding_unsupported": changed(DOCUMENT, ("UTF-8", "windows-1258")),
    "namespace_wrong": changed(DOCUMENT, (NAMESPACE, "http://www.e-doc.vn/Schema/")),
    "message_kind_unknown": changed(DOCUMENT, ("MessageHeader>", "Header>")),
    "from_missing": changed(DOCUMENT, ("<edXML:OrganId>000.00.02.H99</edXML:OrganId>", "")),
    "to_missing": changed(without(DOCUMENT, "To", "To")),
    "response_for_missing": changed(STATUS, ("<edXML:OrganId>000.00.03.H99</edXML:OrganId>", "")),
    "document_id_missing": without(STATUS, "DocumentId"),
    "code_missing": without(STATUS, "Code"),
    "status_code_unknown": changed(STATUS, (">13<", ">07<")),
    "business_type_unknown": changed(DOCUMENT, ("DocType>0<", "DocType>4<")),
    "base64_invalid": with_content("A"),
    "archive_unsafe": with_file("a.txt", zipped(("../a.txt", b"x")), declared="application/zip"),
    "attachment_shape_unknown": with_files([], ["<Attachment/>"]),
    "attachment_too_large": with_content("A" * 200),
    "too_many_attachments": with_files([], ["<Attachment/>"] * 101),
    "too_many_recipients": changed(
        DOCUMENT, ("<edXML:DocumentId>", "<edXML:To/>" * 2000 + "<edXML:DocumentId>")
    ),
    "message_too_large": DOCUMENT + " " * 30_000,
    "skeleton_too_large": changed(DOCUMENT, ("<edXML:Subject>", "<edXML:Subject>" + "x" * 18_000)),
    "too_deep": changed(DOCUMENT, ("<edXML:Subject>", "<edXML:Subject>" + "<a>" * 40)),
    "too_many_elements": changed(DOCUMENT, ("<edXML:Subject>", "<a/>" * 200 + "<edXML:Subject>")),
}
NEEDING_SMALL_LIMITS = {
    "attachment_too_large",
    "message_too_large",
    "skeleton_too_large",
    "too_many_elements",
}

WARNINGS: dict[str, str | bytes] = {
    "junk_trimmed": "1212" + DOCUMENT,
    "xlink_bound": changed(DOCUMENT, ("<edXML:Reference>", '<edXML:Reference xlink:href="cid:1">')),
    "prefix_bound": changed(DOCUMENT, ("AttachmentEncoded>", "edXML:AttachmentEncoded>")).replace(
        "</edXML:edXML:", "</edXML:"
    ),
    "encoding_mismatch": changed(DOCUMENT, ("UTF-8", "UTF-16")),
    "root_unusual": changed(DOCUMENT, ("<edXML xmlns", "<EdXML xmlns"), ("</edXML>", "</EdXML>")),
    "namespace_mixed": changed(DOCUMENT, ("<edXML:Subject>", '<edXML:Subject xmlns:edXML="urn:x">')),
    "element_repeated": changed(
        DOCUMENT, ("<edXML:Subject>", "<edXML:Subject>a</edXML:Subject><edXML:Subject>")
    ),
    "unknown_element": changed(DOCUMENT, ("<edXML:Subject>", "<edXML:Extra/><edXML:Subject>")),
    "xml_signature_ignored": changed(
        DOCUMENT, ("</edXML:edXMLHeader>", "<Signature><SignedInfo/></Signature></edXML:edXMLHeader>")
    ),
    "organ_name_missing": without(DOCUMENT, "OrganName"),
    "organ_id_missing": changed(DOCUMENT, (">000.00.03.H99<", "><")),
    "organ_id_unusual": changed(DOCUMENT, ("000.00.03.H99", "đơn vị 3")),
    "recipient_repeated": changed(DOCUMENT, ("000.00.31.H99", "000.00.03.H99")),
    "document_id_absent": without(DOCUMENT, "DocumentId"),
    "code_absent": without(DOCUMENT, "CodeNotation"),
    "subject_missing": without(DOCUMENT, "Subject"),
    "text_too_long": changed(DOCUMENT, ("<edXML:Subject>", "<edXML:Subject>" + "x" * 500)),
    "spaces_stray": changed(DOCUMENT, (">000.00.03.H99", "> 000.00.03.H99")),
    "placeholder_ignored": changed(DOCUMENT, ("Phó Giám đốc", "N/A")),
    "number_invalid": changed(DOCUMENT, ("PageAmount>1<", "PageAmount>một<")),
    "value_unlisted": changed(DOCUMENT, ("Priority>0<", "Priority>5<")),
    "document_type_unusual": changed(DOCUMENT, ("Type>2<", "Type>71<")),
    "date_not_canonical": changed(DOCUMENT, (">2025/10/13<", ">13/10/2025<")),
    "date_invalid": changed(DOCUMENT, (">2025/10/13<", ">2025/02/30<")),
    "date_in_future": changed(DOCUMENT, (">2025/10/13<", ">2026/10/13<")),
    "business_missing": without(DOCUMENT, "Bussiness"),
    "business_spelling": changed(DOCUMENT, ("BussinessDocType>", "BusinessDocType>")),
    "business_incomplete": changed(DOCUMENT, ("DocType>0<", "DocType>2<")),
    "reason_missing": without(STATUS, "Description"),
    "attachments_absent": with_files([], []),
    "attachment_missing": with_files(
        [reference("a.pdf"), reference("b.pdf", cid="2")], [attachment("a.pdf", PDF)]
    ),
    "attachment_unlisted": with_files([], [attachment("a.pdf", PDF)]),
    "content_id_mismatch": with_files([reference("a.pdf", cid="x")], [attachment("a.pdf", PDF, cid="y")]),
    "content_id_repeated": with_files(
        [reference("a.pdf"), reference("b.pdf")], [attachment("a.pdf", PDF), attachment("b.pdf", PDF)]
    ),
    "content_type_mismatch": with_file("a.pdf", b"text"),
    "attachment_name_missing": with_file("", PDF),
    "attachment_name_unsafe": with_file("../a.pdf", PDF),
    "attachment_empty": with_file("a.pdf", b""),
    "archive_kept": with_file("a.pdf", zipped(("a", b""), ("b", b""))),
    "base64_dirty": with_content("!YWJj"),
    "base64_padding": with_content("YWI"),
}


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_message_that_must_be_refused_is_refused(bench: Bench, code: str) -> None:
    limits = SMALL if code in NEEDING_SMALL_LIMITS else FormatLimits()
    refused = bench.refused(REFUSALS[code], limits=limits)
    assert refused.code == code
    assert refused.issues[0].severity == "error"


@pytest.mark.parametrize("code", sorted(WARNINGS))
def test_a_blemish_is_a_warning_and_the_message_is_read(bench: Bench, code: str) -> None:
    result = read(bench.split(WARNINGS[code]), today=date(2025, 10, 14))
    assert code in {each.code for each in result.warnings}
    assert {each.severity for each in result.warnings} == {"warning"}


def test_no_code_is_without_a_test() -> None:
    errors = {code for code, message in CATALOGUE.items() if message.severity == "error"}
    assert set(REFUSALS) == errors - NOT_OF_READING
    assert set(WARNINGS) == set(CATALOGUE) - errors - NOT_OF_READING


@pytest.mark.parametrize("message", [DOCUMENT, STATUS])
def test_a_clean_message_has_no_findings(bench: Bench, message: str) -> None:
    result = read(bench.split(message), today=date(2025, 10, 13))
    assert result.warnings == ()
    assert not result.needs_repair


def test_all_errors_of_a_message_are_told_at_once(bench: Bench) -> None:
    broken = without(changed(STATUS, (">13<", ">99<")), "DocumentId", "Code", "From")
    codes = [each.code for each in bench.refused(broken).issues if each.severity == "error"]
    assert codes == ["from_missing", "document_id_missing", "code_missing", "status_code_unknown"]


def test_one_fault_in_many_places_is_told_a_few_times(bench: Bench) -> None:
    recipient = "<edXML:To><edXML:OrganId>000.00.0{}.H99 </edXML:OrganId></edXML:To>"
    start = DOCUMENT.index("<edXML:To>")
    text = DOCUMENT[:start] + "".join(recipient.format(n % 9) for n in range(500)) + DOCUMENT[start:]
    codes = bench.warnings(text)
    assert codes.count("spaces_stray") == 20


REPAIRS: list[Callable[[], str]] = [
    lambda: "junk" + DOCUMENT,
    lambda: changed(DOCUMENT, ("<edXML:Reference>", '<edXML:Reference xlink:href="cid:1">')),
    lambda: changed(DOCUMENT, ("UTF-8", "UTF-16")),
    lambda: changed(
        DOCUMENT, ("<edXML:From>", "<edXML:From><edXML:OrganId>G01</edXML:OrganId></edXML:From><edXML:From>")
    ),
    lambda: changed(DOCUMENT, ("BussinessDocType>", "BusinessDocType>")),
    lambda: with_file("../a.pdf", PDF),
    lambda: with_file("a.pdf", zipped(("x.pdf", PDF))),
    lambda: with_file("a.pdf", PDF, declared="application/zip"),
    lambda: with_file("a.pdf", zipped(("a", b""), ("b", b"")), declared="application/zip"),
]


@pytest.mark.parametrize("number", range(len(REPAIRS)))
def test_what_others_would_read_otherwise_needs_repair(bench: Bench, number: int) -> None:
    result = bench.read(REPAIRS[number]())
    assert result.needs_repair
    again = bench.read(bench.written(result))
    assert not again.needs_repair
    assert again.message == result.message


def test_the_marks_of_the_kit_are_those_of_the_samples() -> None:
    assert CONTENT_OPEN in DOCUMENT
