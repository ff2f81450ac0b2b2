"""Reading: models, tolerances, kinds, dialects."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from schemas.edxml.dialect import Dialect
from schemas.edxml.model import (
    AttachmentInfo,
    BusinessDocumentInfo,
    DateText,
    DocumentMessage,
    Organization,
    OtherInfo,
    Receiver,
    ReplacementInfo,
    ResponseFor,
    SignerInfo,
    StaffInfo,
    StatusMessage,
    TimeText,
    TraceHeader,
)
from tests.unit.schemas.kit import ASSETS, DOCUMENT, NAMESPACE, STATUS, Bench, changed, without

DOTNET = f"""<?xml version="1.0" encoding="utf-8"?>
<edXML xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="{NAMESPACE}">
  <Boundary>x</Boundary><ContentId>a.edxml</ContentId><ContentType>text/xml</ContentType>
  <edXML:edXMLEnvelope xmlns:edXML="{NAMESPACE}"><edXML:edXMLHeader><edXML:MessageHeader>
    <edXML:From><edXML:OrganName>Sở Một</edXML:OrganName>
      <edXML:OrganId>000.00.02.H99</edXML:OrganId></edXML:From>
    <edXML:To><edXML:OrganId>000.00.03.H99</edXML:OrganId><edXML:OrganName>Sở Hai</edXML:OrganName></edXML:To>
    <edXML:Code><edXML:CodeNumber>01/2020</edXML:CodeNumber><edXML:CodeNotation>UBND</edXML:CodeNotation></edXML:Code>
    <edXML:Subject>Trích yếu</edXML:Subject>
    <edXML:ToPlaces><edXML:Place>Như trên</edXML:Place></edXML:ToPlaces>
    <edXML:OtherInfo><edXML:Priority>3</edXML:Priority></edXML:OtherInfo>
    <edXML:SteeringType>0</edXML:SteeringType>
    <edXML:DocumentId>18661</edXML:DocumentId>
  </edXML:MessageHeader>
  <edXML:TraceHeaderList id="1" version="1.0" mustUnderstand="1">
    <edXML:TraceHeader><edXML:OrganId>null</edXML:OrganId></edXML:TraceHeader>
    <edXML:Bussiness><edXML:BussinessDocType>0</edXML:BussinessDocType><edXML:Paper>0</edXML:Paper></edXML:Bussiness>
  </edXML:TraceHeaderList><edXML:DigitalSignature/></edXML:edXMLHeader>
  <edXML:edXMLBody><edXML:edXMLManifest version="1.0">
    <edXML:Reference xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="cid:7" xlink:type="simple">
      <edXML:Description>d</edXML:Description><edXML:AttachmentName>a.txt</edXML:AttachmentName>
      <edXML:ContentType>text/plain</edXML:ContentType>
    </edXML:Reference></edXML:edXMLManifest></edXML:edXMLBody></edXML:edXMLEnvelope>
  <AttachmentEncoded><Attachment><ContentType>text/plain</ContentType><ContentId>7</ContentId>
    <ContentTransferEncoded>YWJj</ContentTransferEncoded><AttachmentName>a.txt</AttachmentName>
  </Attachment></AttachmentEncoded>
</edXML>
"""


def document(bench: Bench, message: str | bytes) -> DocumentMessage:
    read = bench.read(message).message
    assert isinstance(read, DocumentMessage)
    return read


def status(bench: Bench, message: str | bytes) -> StatusMessage:
    read = bench.read(message).message
    assert isinstance(read, StatusMessage)
    return read


def test_a_new_document_is_read_whole(bench: Bench) -> None:
    message = document(bench, DOCUMENT)
    assert message.from_ == Organization(
        organ_id="000.00.02.H99",
        organization_in_charge="Tỉnh Thử Nghiệm",
        organ_name="Sở Thử Nghiệm Một",
        organ_add="Số 1 đường Thử Nghiệm",
    )
    assert [each.code for each in message.to] == ["000.00.03.H99", "000.00.31.H99"]
    assert message.document_id == "000.00.02.H99,2025/10/13,125/STN1-VP"
    assert message.code == "125/STN1-VP"
    assert message.promulgation_date == DateText(raw="2025/10/13", parsed=date(2025, 10, 13))
    assert message.document_type.type_name == "Công văn"
    assert message.signer_info == SignerInfo(
        competence="KT. GIÁM ĐỐC", position="Phó Giám đốc", full_name="Người Ký Thử"
    )
    assert message.other_info == OtherInfo(
        sphere="Liên thông văn bản", typer_notation="VT", promulgation_amount=1, page_amount=1
    )
    assert message.to_places == ("Như trên", "Lưu: VT")
    assert message.trace_headers == (
        TraceHeader(
            organ_id="000.00.02.H99",
            timestamp=TimeText(raw="2025/10/13 10:25:18", parsed=datetime(2025, 10, 13, 10, 25, 18)),  # noqa: DTZ001
        ),
    )
    assert message.business.staff == (StaffInfo(department="Văn thư", staff="Văn Thư Thử"),)
    assert message.attachments == (
        AttachmentInfo(content_id="1", name="vanban.pdf", content_type="application/pdf"),
    )


def test_a_revocation_names_what_it_revokes(bench: Bench) -> None:
    message = document(bench, (ASSETS / "doc_1_revoke.edxml").read_bytes())
    assert message.business.doc_type == 1
    assert [each.document_id for each in message.response_for] == ["000.00.02.H99,2025/10/10,120/STN1-VP"]


def test_an_update_names_what_changes(bench: Bench) -> None:
    business = document(bench, (ASSETS / "doc_2_update.edxml").read_bytes()).business
    assert business.doc_type == 2
    assert business.document_id == "000.00.02.H99,2025/10/10,120/STN1-VP"
    receivers = (
        Receiver(organ_id="000.00.03.H99", receiver_type=0),
        Receiver(organ_id="000.00.31.H99", receiver_type=1),
    )
    assert business.document_infos == (
        BusinessDocumentInfo(document_info=1, document_receiver=1, receivers=receivers),
    )


def test_a_replacement_names_what_is_replaced_for_whom(bench: Bench) -> None:
    business = document(bench, (ASSETS / "doc_3_replace.edxml").read_bytes()).business
    assert business.replacements == (
        ReplacementInfo(
            document_id="000.00.02.H99,2025/10/10,120/STN1-VP", organ_ids=("000.00.03.H99", "000.00.31.H99")
        ),
    )


@pytest.mark.parametrize("code", ["01", "02", "03", "04", "05", "06", "13", "15", "16"])
def test_every_status_is_read(bench: Bench, code: str) -> None:
    message = status(bench, (ASSETS / f"status_{code}.edxml").read_bytes())
    assert message.status_code == code
    assert message.code == "125/STN1-VP"


def test_a_recall_turns_the_roles_round(bench: Bench) -> None:
    message = status(bench, STATUS)
    assert message.from_.code == "000.00.02.H99"
    assert message.response_for == ResponseFor(
        organ_id="000.00.03.H99",
        code="125/STN1-VP",
        document_id="000.00.02.H99,2025/10/13,125/STN1-VP",
        promulgation_date=DateText(raw="2025/10/13", parsed=date(2025, 10, 13)),
    )
    assert message.staff == StaffInfo(department="Văn thư", staff="Văn Thư Thử")
    assert message.timestamp.parsed == datetime(2025, 10, 13, 11, 8, 36)  # noqa: DTZ001
    assert message.description == "Yêu cầu lấy lại văn bản: gửi nhầm"


def test_the_dotnet_dialect_is_read_in_its_own_order(bench: Bench) -> None:
    result = bench.read(DOTNET)
    message = result.message
    assert isinstance(message, DocumentMessage)
    assert result.dialect is Dialect.DOTNET
    assert not result.needs_repair
    assert [each.code for each in result.warnings] == []
    assert message.document_id == "18661"
    assert message.code == "01/2020/UBND"
    assert (message.other_info.priority, message.steering_type) == (3, 0)
    assert message.trace_headers == (TraceHeader(),)
    assert message.attachments == (
        AttachmentInfo(content_id="7", name="a.txt", content_type="text/plain", description="d"),
    )


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        (DOCUMENT, Dialect.PREFIXED),
        (STATUS, Dialect.PREFIXED),
        (DOCUMENT.replace("edXML:", "ed:").replace("xmlns:edXML", "xmlns:ed"), Dialect.OTHER_PREFIX),
        (DOCUMENT.replace("edXML:", "").replace("xmlns:edXML", "xmlns:x"), Dialect.DEFAULT_NS),
        (changed(DOCUMENT, ("edXML:Subject>", "Subject>")), Dialect.MIXED),
        (changed(DOCUMENT, ("<edXML xmlns", "<EdXML xmlns"), ("</edXML>", "</EdXML>")), Dialect.OTHER_ROOT),
        (changed(DOCUMENT, ("<edXML:Subject>", '<edXML:Subject xmlns:edXML="u">')), Dialect.MIXED),
        (changed(DOCUMENT, ("<AttachmentEncoded>", '<AttachmentEncoded xmlns="urn:x">')), Dialect.MIXED),
        (changed(DOCUMENT, ("<edXML:edXMLBody>", '<edXML:edXMLBody xmlns:edXML="urn:x">')), Dialect.MIXED),
        (changed(DOCUMENT, ("<edXML:From>", f"<edXML:From>{'<a/>' * 9}<From/>")), Dialect.MIXED),
    ],
)
def test_the_dialect_is_told(bench: Bench, text: str, dialect: Dialect) -> None:
    result = bench.read(text)
    assert result.dialect is dialect
    assert result.message.from_.code == "000.00.02.H99"


def test_a_bare_envelope_is_read(bench: Bench) -> None:
    start, end = STATUS.index("<edXML:edXMLEnvelope"), STATUS.index("</edXML>")
    result = bench.read(STATUS[start:end])
    assert result.dialect is Dialect.OTHER_ROOT
    assert isinstance(result.message, StatusMessage)


def test_a_comment_that_shows_other_tags_does_not_change_the_dialect(bench: Bench) -> None:
    text = changed(DOCUMENT, ("<edXML:Subject>", "<!-- <Subject>x</Subject> --><edXML:Subject>"))
    assert bench.read(text).dialect is Dialect.PREFIXED


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(changed(STATUS, ("<edXML:StatusCode>", "<edXML:To/><edXML:StatusCode>")), id="To"),
        pytest.param(
            changed(DOCUMENT, ("<edXML:Subject>", "<edXML:StatusCode>01</edXML:StatusCode><edXML:Subject>")),
            id="StatusCode",
        ),
        pytest.param(changed(DOCUMENT, ("edXMLEnvelope", "Envelope")), id="no envelope"),
        pytest.param(changed(DOCUMENT, ("edXMLHeader", "Header")), id="no header"),
    ],
)
def test_a_message_that_could_be_either_is_refused(bench: Bench, text: str) -> None:
    assert bench.refused(text).code == "message_kind_unknown"


def test_an_envelope_in_a_foreign_namespace_is_refused(bench: Bench) -> None:
    text = DOCUMENT.replace(f'xmlns:edXML="{NAMESPACE}"', 'xmlns:edXML="http://www.e-doc.vn/Schema/"')
    assert bench.refused(text).code == "namespace_wrong"


def test_a_status_without_its_code_is_still_a_status(bench: Bench) -> None:
    assert bench.refused(without(STATUS, "StatusCode")).code == "status_code_unknown"


@pytest.mark.parametrize("code", ["1", "001", "99", "07", "14", "１3", "1 3", ""])
def test_a_status_code_must_be_one_of_the_list(bench: Bench, code: str) -> None:
    assert bench.refused(changed(STATUS, (">13<", f">{code}<"))).code == "status_code_unknown"


@pytest.mark.parametrize("value", ["4", "-1", "x", "0.0", "٢", "99999999999999999999"])
def test_a_business_type_must_be_one_of_four(bench: Bench, value: str) -> None:
    assert (
        bench.refused(changed(DOCUMENT, ("DocType>0<", f"DocType>{value}<"))).code == "business_type_unknown"
    )


@pytest.mark.parametrize("value", ["", " ", "<!-- -->"])
def test_an_empty_business_type_is_a_new_document(bench: Bench, value: str) -> None:
    text = changed(DOCUMENT, ("DocType>0<", f"DocType>{value}<"))
    assert document(bench, text).business.doc_type == 0
    assert bench.warnings(text) == ["business_missing"]


def test_a_message_without_trace_headers_is_a_new_document(bench: Bench) -> None:
    text = without(DOCUMENT, "TraceHeaderList")
    assert document(bench, text).trace_headers == ()
    assert bench.warnings(text) == ["business_missing"]


def test_codes_are_compared_without_spaces_and_kept_as_sent(bench: Bench) -> None:
    message = document(bench, changed(DOCUMENT, (">000.00.03.H99<", "> 000.00.03.H99\u200b\u00a0<")))
    assert message.to[0].organ_id == " 000.00.03.H99\u200b\u00a0"
    assert message.to[0].code == "000.00.03.H99"


def test_identifiers_are_trimmed(bench: Bench) -> None:
    message = document(bench, changed(DOCUMENT, ("Id>000.00.02.H99,2025", "Id>\n  \u200b000.00.02.H99,2025")))
    assert message.document_id == "000.00.02.H99,2025/10/13,125/STN1-VP"


def test_names_are_kept_as_sent(bench: Bench) -> None:
    message = document(bench, changed(DOCUMENT, ("Sở Thử Nghiệm Hai", "Sơ\u0309  Hai ")))
    assert message.to[0].organ_name == "Sơ\u0309  Hai "


@pytest.mark.parametrize("placeholder", ["N/A", "n/a", "null", " NULL "])
def test_a_placeholder_counts_as_empty(bench: Bench, placeholder: str) -> None:
    message = document(bench, changed(DOCUMENT, ("Phó Giám đốc", placeholder)))
    assert message.signer_info.position == ""


@pytest.mark.parametrize("placeholder", ["01/01/1900", "1900/01/01", "0001-01-01T00:00:00"])
def test_a_placeholder_date_counts_as_empty(bench: Bench, placeholder: str) -> None:
    text = changed(DOCUMENT, (">2025/10/13<", f">{placeholder}<"))
    assert document(bench, text).promulgation_date == DateText()
    assert bench.warnings(text) == ["placeholder_ignored"]


def test_a_sender_called_null_is_no_sender(bench: Bench) -> None:
    text = changed(DOCUMENT, ("OrganId>000.00.02.H99<", "OrganId>null<"))
    assert bench.refused(text).code == "from_missing"


def test_a_date_that_cannot_be_understood_is_kept_as_text(bench: Bench) -> None:
    message = document(bench, changed(DOCUMENT, (">2025/10/13<", ">ngày 13 tháng 10<")))
    assert message.promulgation_date == DateText(raw="ngày 13 tháng 10", parsed=None)


def test_empty_references_are_dropped(bench: Bench) -> None:
    empty = "<edXML:ResponseFor/><edXML:ResponseFor><edXML:OrganId></edXML:OrganId></edXML:ResponseFor>"
    assert (
        document(
            bench, changed(DOCUMENT, ("<edXML:SteeringType>", empty + "<edXML:SteeringType>"))
        ).response_for
        == ()
    )


@pytest.mark.parametrize("place", ["<edXML:OtherInfo>", "<edXML:Subject>"])
@pytest.mark.parametrize("name", ["Secret", "SecretLevel", "Security", "DoMat", "Mat"])
def test_a_secrecy_element_of_older_forms_is_seen_wherever_it_stands(
    bench: Bench, place: str, name: str
) -> None:
    mark = f"<edXML:{name}>Tối mật</edXML:{name}>"
    text = changed(DOCUMENT, (place, place + mark if "Other" in place else mark + place))
    assert document(bench, text).other_info.secret == "Tối mật"


def test_an_empty_secrecy_element_says_nothing(bench: Bench) -> None:
    text = changed(DOCUMENT, ("<edXML:OtherInfo>", "<edXML:OtherInfo><edXML:Secret> </edXML:Secret>"))
    assert document(bench, text).other_info.secret is None


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("1", True), ("false", False), ("", False), ("x", False)]
)
def test_direction_is_a_truth_value(bench: Bench, value: str, expected: bool) -> None:
    text = changed(DOCUMENT, ("Direction>false<", f"Direction>{value}<"))
    assert document(bench, text).other_info.direction is expected


def test_of_a_repeated_sender_the_first_counts_and_the_original_is_not_handed_on(bench: Bench) -> None:
    second = "<edXML:From><edXML:OrganId>000.00.00.G01</edXML:OrganId></edXML:From>"
    result = bench.read(changed(DOCUMENT, ("</edXML:From>", "</edXML:From>" + second)))
    assert result.message.from_.code == "000.00.02.H99"
    assert result.needs_repair


@pytest.mark.parametrize("name", ["MessageHeader", "edXMLHeader"])
def test_a_frame_in_a_foreign_namespace_is_read_and_told(bench: Bench, name: str) -> None:
    result = bench.read(changed(DOCUMENT, (f"<edXML:{name}>", f'<edXML:{name} xmlns:edXML="urn:x">')))
    assert result.message.from_.code == "000.00.02.H99"
    assert result.dialect is Dialect.MIXED
    assert "namespace_mixed" in [each.code for each in result.warnings]


@pytest.mark.parametrize("name", ["MessageHeader", "edXMLHeader", "edXMLEnvelope"])
def test_of_a_repeated_frame_the_first_counts(bench: Bench, name: str) -> None:
    extra = f'<edXML:{name} xmlns:edXML="{NAMESPACE}"/>'
    result = bench.read(changed(DOCUMENT, (f"</edXML:{name}>", f"</edXML:{name}>{extra}")))
    assert result.message.from_.code == "000.00.02.H99"
    assert result.needs_repair


def test_all_parts_that_only_the_sdk_knows_are_read(bench: Bench) -> None:
    parts = (
        "<edXML:ResponseForTask><edXML:TaskCode>T1</edXML:TaskCode><edXML:TaskCode>T2</edXML:TaskCode>"
        "</edXML:ResponseForTask><edXML:ApplicationType>X</edXML:ApplicationType>"
    )
    message = document(bench, changed(DOCUMENT, ("<edXML:ToPlaces>", parts + "<edXML:ToPlaces>")))
    assert message.response_for_task == ("T1", "T2")
    assert message.application_type == "X"


def test_reading_twice_gives_the_same(bench: Bench) -> None:
    from schemas.edxml.read import read

    split = bench.split(changed(DOCUMENT, ("BussinessDocType>", "BusinessDocType>")))
    assert read(split).message == read(split).message
