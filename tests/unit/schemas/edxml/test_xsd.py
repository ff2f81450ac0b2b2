"""The strict schema, which judges what we write."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from xmlschema import XMLSchema10

from schemas.edxml.xsd import SCHEMA_FILE, check_written
from schemas.issues import Issue
from schemas.limits import MIB
from tests.unit.schemas.kit import ASSETS, DOCUMENT, STATUS, changed, with_content, with_files, without


def details(message: str) -> list[str]:
    found = check_written(message.encode())
    assert {each.code for each in found} <= {"schema_violation"}
    return [f"{each.path} {each.en}" for each in found]


@pytest.mark.parametrize("name", sorted(path.name for path in ASSETS.iterdir()))
def test_the_samples_are_strict(name: str) -> None:
    assert check_written(ASSETS / name) == ()


def test_the_schema_is_valid_for_an_independent_processor() -> None:
    assert XMLSchema10(str(SCHEMA_FILE)).is_valid(str(ASSETS / "doc_0_new.edxml"))


LATE_ID = "</edXML:SteeringType><edXML:DocumentId>x</edXML:DocumentId>"
LOOSE = {
    "StatusCode": changed(STATUS, (">13<", ">99<")),
    "BussinessDocType": changed(DOCUMENT, ("DocType>0<", "DocType>4<")),
    "Priority": changed(DOCUMENT, ("Priority>0<", "Priority>9<")),
    "To": without(DOCUMENT, "To", "To"),
    "OrganId": without(DOCUMENT, "OrganId"),
    "SteeringType": without(DOCUMENT, "SteeringType"),
    "Extra": changed(DOCUMENT, ("<edXML:Subject>", "<edXML:Extra/><edXML:Subject>")),
    "DocumentId": changed(without(DOCUMENT, "DocumentId"), ("</edXML:SteeringType>", LATE_ID)),
    "Subject": changed(DOCUMENT, (">V/v thử nghiệm liên thông văn bản<", "><")),
    "edXMLManifest": with_files([], []),
    "cid:2": changed(DOCUMENT, ("<ContentId>cid:1<", "<ContentId>cid:2<")),
    "ContentId": changed(DOCUMENT, ("<ContentId>cid:1<", "<ContentId>1<")),
    "base64": with_content("a b"),
}


@pytest.mark.parametrize("word", sorted(LOOSE))
def test_what_is_not_strict_is_explained(word: str) -> None:
    found = details(LOOSE[word])
    assert found
    assert any(word in each for each in found)


@pytest.mark.parametrize(
    "message",
    [
        changed(DOCUMENT, ("edXML:Subject", "Subject")),
        changed(DOCUMENT, ("edXML:", "ed:"), ("xmlns:edXML", "xmlns:ed")),
        changed(DOCUMENT, ("edXML:ContentTransferEncoded", "ContentTransferEncoded")),
    ],
)
def test_prefixes_other_than_the_strict_ones_are_told(message: str) -> None:
    assert any("prefixes" in each for each in details(message))


def test_what_is_no_xml_at_all_is_told_too() -> None:
    (found,) = check_written(b"<edXML")
    assert isinstance(found, Issue)
    assert found.code == "not_xml"


def test_a_message_of_any_size_can_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "large.edxml"
    path.write_text(with_content(base64.b64encode(bytes(12 * MIB)).decode()), encoding="utf-8")
    assert check_written(path) == ()
