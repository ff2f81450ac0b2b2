"""Hypothesis strategies for messages that can be written and read again unchanged.

Texts are what XML can carry, in the form reading gives them: not blank, no placeholder. Identifiers are
trimmed and visible.
"""

from __future__ import annotations

from hypothesis import strategies as st

from schemas.edxml.dates import date_text, is_no_date, time_text
from schemas.edxml.model import (
    STATUS_CODES,
    AttachmentInfo,
    Business,
    BusinessDocumentInfo,
    DateText,
    DocumentMessage,
    DocumentType,
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
    normal_id,
)
from schemas.names import is_plain

_PLACEHOLDERS = {"n/a", "null"}
_XML = st.characters(
    codec="utf-8",
    exclude_characters=[chr(code) for code in range(32) if chr(code) not in "\t\n\r"] + ["\ufffe", "\uffff"],
)


def _meant(text: str) -> bool:
    return text.strip() != "" and text.strip().lower() not in _PLACEHOLDERS


def texts(max_size: int = 40) -> st.SearchStrategy[str]:
    """Free text that says something."""
    return st.text(_XML, min_size=1, max_size=max_size).filter(_meant)


def maybe_texts() -> st.SearchStrategy[str]:
    """Free text or none."""
    return st.just("") | texts()


def ids() -> st.SearchStrategy[str]:
    """An identifier."""
    made = st.text(_XML, min_size=1, max_size=30).map(normal_id)
    return made.filter(lambda text: _meant(text) and text == normal_id(text))


def maybe_ids() -> st.SearchStrategy[str]:
    """An identifier or none."""
    return st.just("") | ids()


def numbers() -> st.SearchStrategy[int | None]:
    """An integer or none."""
    return st.none() | st.integers(-999_999_999, 999_999_999)


dates = st.just(DateText()) | st.dates().filter(lambda day: not is_no_date(day)).map(
    lambda day: DateText(raw=date_text(day), parsed=day)
)
times = st.just(TimeText()) | st.datetimes().map(lambda moment: moment.replace(microsecond=0)).filter(
    lambda moment: not is_no_date(moment)
).map(lambda moment: TimeText(raw=time_text(moment), parsed=moment))


organizations = st.builds(
    Organization,
    organ_id=texts().filter(lambda text: normal_id(text) != "" and text == text.strip("\t\r\n")),
    organization_in_charge=maybe_texts(),
    organ_name=maybe_texts(),
    organ_add=maybe_texts(),
    email=maybe_texts(),
    telephone=maybe_texts(),
    fax=maybe_texts(),
    website=maybe_texts(),
)
references = st.builds(
    ResponseFor, organ_id=maybe_ids(), code=maybe_ids(), document_id=maybe_ids(), promulgation_date=dates
)
staff = st.builds(
    StaffInfo,
    department=maybe_texts(),
    department_id=maybe_texts(),
    staff=maybe_texts(),
    staff_id=maybe_texts(),
    mobile=maybe_texts(),
    email=maybe_texts(),
).filter(lambda each: each != StaffInfo())
receivers = st.builds(Receiver, organ_id=ids(), receiver_type=st.sampled_from([None, 0, 1]))
document_infos = st.builds(
    BusinessDocumentInfo,
    document_info=st.sampled_from([0, 1]),
    document_receiver=st.sampled_from([None, 0, 1]),
    receivers=st.lists(receivers, max_size=2).map(tuple),
)
replacements = st.builds(ReplacementInfo, document_id=ids(), organ_ids=st.lists(ids(), max_size=2).map(tuple))
businesses = st.builds(
    Business,
    doc_type=st.integers(0, 3),
    reason=maybe_texts(),
    paper=numbers(),
    document_id=maybe_ids(),
    document_infos=st.lists(document_infos, max_size=2).map(tuple),
    replacements=st.lists(replacements, max_size=2).map(tuple),
    staff=st.lists(staff, max_size=2).map(tuple),
)
trace_headers = st.builds(TraceHeader, organ_id=maybe_ids(), timestamp=times).filter(
    lambda hop: hop != TraceHeader()
)
names = texts().map(str.strip).filter(lambda name: _meant(name) and is_plain(name) and "\r" not in name)


@st.composite
def attachments(draw: st.DrawFn) -> tuple[AttachmentInfo, ...]:
    """Files with distinct ids."""
    count = draw(st.integers(0, 3))
    return tuple(
        AttachmentInfo(
            content_id=f"id-{number}",
            name=draw(names),
            content_type="application/octet-stream",
            description=draw(maybe_texts()).strip(),
        )
        for number in range(count)
    )


documents = st.builds(
    DocumentMessage,
    from_=organizations,
    to=st.lists(organizations, min_size=1, max_size=3).map(tuple),
    document_id=maybe_ids(),
    code_number=maybe_ids(),
    code_notation=maybe_ids(),
    promulgation_place=maybe_texts(),
    promulgation_date=dates,
    document_type=st.builds(DocumentType, type=numbers(), type_detail=numbers(), type_name=maybe_texts()),
    subject=maybe_texts(),
    content=maybe_texts(),
    signer_info=st.builds(
        SignerInfo, competence=maybe_texts(), position=maybe_texts(), full_name=maybe_texts()
    ),
    due_date=dates,
    other_info=st.builds(
        OtherInfo,
        priority=st.integers(0, 4),
        sphere=maybe_texts(),
        typer_notation=maybe_texts(),
        promulgation_amount=numbers(),
        page_amount=numbers(),
        direction=st.booleans(),
        appendixes=st.lists(texts(), max_size=2).map(tuple),
    ),
    response_for=st.lists(references.filter(lambda each: each != ResponseFor()), max_size=2).map(tuple),
    steering_type=st.integers(0, 3),
    response_for_task=st.lists(texts(), max_size=2).map(tuple),
    application_type=maybe_texts(),
    to_places=st.lists(texts(), max_size=2).map(tuple),
    trace_headers=st.lists(trace_headers, max_size=2).map(tuple),
    business=businesses,
    attachments=attachments(),
)
statuses = st.builds(
    StatusMessage,
    from_=organizations,
    response_for=st.builds(
        ResponseFor, organ_id=ids(), code=ids(), document_id=ids(), promulgation_date=dates
    ),
    status_code=st.sampled_from(sorted(STATUS_CODES)),
    description=maybe_texts(),
    timestamp=times,
    staff=st.none() | staff,
)
