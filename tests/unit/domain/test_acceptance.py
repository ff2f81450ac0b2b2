from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.acceptance import (
    DEFAULT_POLICY,
    AcceptancePolicy,
    CertificateKind,
    Changes,
    Decision,
    FileFact,
    FilePlace,
    OnDoubt,
    OnFailed,
    SignatureFact,
    SignatureRole,
    Verdict,
    place_files,
)
from hub.domain.acceptance_texts import TEXTS

R, V = SignatureRole, Verdict


def signed(
    role: SignatureRole,
    verdict: Verdict = V.PASSED,
    *,
    changes: Changes = Changes.NONE,
    kind: CertificateKind = CertificateKind.UNKNOWN,
) -> SignatureFact:
    return SignatureFact(role=role, verdict=verdict, changes=changes, certificate_kind=kind)


PERSON, STAMP = signed(R.SIGNER), signed(R.ORGANISATION)


def file(
    *signatures: SignatureFact,
    place: FilePlace = FilePlace.MAIN,
    verdict: Verdict | None = None,
    name: str = "vanban.pdf",
) -> FileFact:
    order = [V.FAILED, V.INDETERMINATE, V.PASSED]
    worst = min((s.verdict for s in signatures), key=order.index, default=V.NO_SIGNATURE)
    return FileFact(name=name, place=place, verdict=verdict or worst, signatures=signatures)


def decide(*files: FileFact, policy: AcceptancePolicy = DEFAULT_POLICY) -> tuple[Decision, list[str]]:
    acceptance = policy.evaluate(files)
    return acceptance.decision, [reason.code for reason in acceptance.reasons]


WARN = Decision.DELIVER_WITH_WARNING


def test_a_document_with_both_signatures_is_delivered() -> None:
    assert decide(file(PERSON, STAMP)) == (Decision.DELIVER, [])


def test_an_unsigned_document_is_delivered_for_reference_only() -> None:
    acceptance = DEFAULT_POLICY.evaluate([file()])
    assert acceptance.decision is WARN
    assert "chỉ có giá trị để biết, tham khảo" in acceptance.reasons[0].vi
    assert "vanban.pdf" in acceptance.reasons[0].vi


@pytest.mark.parametrize(
    ("signature", "code"),
    [(PERSON, "organisation_signature_missing"), (STAMP, "person_signature_missing")],
)
def test_one_of_the_two_signatures_missing_is_a_warning(signature: SignatureFact, code: str) -> None:
    assert decide(file(signature)) == (WARN, [code])


@pytest.mark.parametrize("role", [R.SIGNER, R.ORGANISATION, R.COPY, R.ANNEX, R.UNKNOWN])
def test_a_failed_signature_that_counts_holds_the_document(role: SignatureRole) -> None:
    decision, codes = decide(file(PERSON, STAMP, signed(role, V.FAILED)))
    assert (decision, codes) == (Decision.HOLD, ["signature_failed"])


@pytest.mark.parametrize("role", [R.INITIALS, R.NUMBER, R.DATE, R.INCOMING, R.TIMESTAMP, R.COUNTER])
def test_a_failed_minor_signature_only_warns(role: SignatureRole) -> None:
    # Real traffic: invalid initials under a valid signer's and organisation's signature.
    assert decide(file(signed(role, V.FAILED), PERSON, STAMP)) == (WARN, ["minor_signature_failed"])


@pytest.mark.parametrize("role", [R.INITIALS, R.NUMBER, R.DATE, R.INCOMING, R.TIMESTAMP])
def test_minor_signatures_make_no_original(role: SignatureRole) -> None:
    assert decide(file(signed(role))) == (WARN, ["required_signature_missing"])


def test_forbidden_changes_hold_the_document_even_under_good_signatures() -> None:
    changed = signed(R.ORGANISATION, changes=Changes.FORBIDDEN)
    assert decide(file(PERSON, changed)) == (Decision.HOLD, ["changed_after_signing"])


def test_what_was_changed_after_the_initials_alone_only_warns() -> None:
    initials = signed(R.INITIALS, V.FAILED, changes=Changes.FORBIDDEN)
    assert decide(file(initials, PERSON, STAMP)) == (WARN, ["changed_after_signing"])


def test_suspicious_changes_warn() -> None:
    assert decide(file(PERSON, signed(R.ORGANISATION, changes=Changes.SUSPICIOUS))) == (
        WARN,
        ["suspicious_changes"],
    )


@pytest.mark.parametrize("role", list(SignatureRole))
def test_doubt_never_keeps_a_document_back_by_default(role: SignatureRole) -> None:
    decision, _ = decide(file(PERSON, STAMP, signed(role, V.INDETERMINATE)))
    assert decision is WARN


def test_a_check_that_could_not_finish_warns_and_does_not_say_unsigned() -> None:
    assert decide(file(verdict=V.INDETERMINATE)) == (WARN, ["file_indeterminate"])


def test_a_file_that_cannot_be_examined_counts_as_failed() -> None:
    decision, codes = decide(file(verdict=V.FAILED))
    assert decision is Decision.HOLD
    assert codes == ["file_not_examinable"]


def test_a_hostile_file_beside_good_signatures_counts_as_failed() -> None:
    assert decide(file(PERSON, STAMP, verdict=V.FAILED)) == (Decision.HOLD, ["file_not_examinable"])


def test_a_separate_annex_needs_the_organisations_signature_only() -> None:
    main = file(PERSON, STAMP)
    assert decide(main, file(STAMP, place=FilePlace.ANNEX)) == (Decision.DELIVER, [])
    assert decide(main, file(signed(R.ANNEX), place=FilePlace.ANNEX)) == (Decision.DELIVER, [])
    assert decide(main, file(place=FilePlace.ANNEX)) == (WARN, ["unsigned"])


def test_an_editable_copy_needs_no_signature() -> None:
    assert decide(file(PERSON, STAMP), file(place=FilePlace.EDITABLE, name="vanban.docx")) == (
        Decision.DELIVER,
        [],
    )


@pytest.mark.parametrize(
    "files", [(), (FileFact(name="a.docx", place=FilePlace.EDITABLE, verdict=V.NO_SIGNATURE),)]
)
def test_a_document_without_a_document_file_warns(files: tuple[FileFact, ...]) -> None:
    assert decide(*files) == (WARN, ["no_document_file"])


def test_a_certificates_kind_fills_a_role_that_the_place_does_not_tell() -> None:
    person = signed(R.UNKNOWN, kind=CertificateKind.PERSON)
    stamp = signed(R.UNKNOWN, kind=CertificateKind.ORGANISATION)
    assert decide(file(person, stamp)) == (Decision.DELIVER, [])


def test_signatures_of_nobody_in_particular_are_said_to_be_unclear() -> None:
    assert decide(file(signed(R.UNKNOWN))) == (WARN, ["signer_unclear"])


def test_initials_do_not_become_the_signer_through_their_certificate() -> None:
    initials = signed(R.INITIALS, kind=CertificateKind.PERSON)
    assert decide(file(initials, STAMP)) == (WARN, ["person_signature_missing"])


def test_a_strict_recipient_may_refuse_what_failed_and_hold_what_lacks() -> None:
    strict = AcceptancePolicy(
        on_failed=OnFailed.REFUSE, on_missing=OnDoubt.HOLD, on_indeterminate=OnDoubt.HOLD
    )
    assert decide(file(signed(R.SIGNER, V.FAILED), STAMP), policy=strict)[0] is Decision.REFUSE
    assert decide(file(), policy=strict)[0] is Decision.HOLD
    assert decide(file(PERSON, signed(R.ORGANISATION, V.INDETERMINATE)), policy=strict)[0] is Decision.HOLD
    assert decide(file(PERSON, STAMP), policy=strict)[0] is Decision.DELIVER


def test_a_lenient_recipient_gets_even_failed_documents_with_a_warning() -> None:
    lenient = AcceptancePolicy(on_failed=OnFailed.WARN)
    assert decide(file(PERSON, signed(R.ORGANISATION, V.FAILED)), policy=lenient)[0] is WARN


def test_a_recipient_that_requires_nothing_is_not_warned_of_anything_missing() -> None:
    nothing = AcceptancePolicy(require_main=frozenset(), require_annex=frozenset())
    assert decide(file(), file(place=FilePlace.ANNEX), policy=nothing) == (Decision.DELIVER, [])


def test_the_weightiest_reason_comes_first_and_decides() -> None:
    decision, codes = decide(
        file(PERSON, name="a.pdf"), file(signed(R.ANNEX, V.FAILED), place=FilePlace.ANNEX, name="b.pdf")
    )
    assert decision is Decision.HOLD
    assert codes == ["signature_failed", "organisation_signature_missing"]


def test_the_same_finding_twice_in_a_file_is_one_reason() -> None:
    minor = signed(R.INITIALS, V.FAILED)
    assert decide(file(minor, minor, PERSON, STAMP))[1] == ["minor_signature_failed"]


def test_a_files_name_is_only_repeated_never_interpreted() -> None:
    (reason,) = DEFAULT_POLICY.evaluate([file(name="{0}{file}%s.pdf")]).reasons
    assert "{0}{file}%s.pdf" in reason.en


SIGNATURES = st.builds(
    SignatureFact,
    role=st.sampled_from(SignatureRole),
    verdict=st.sampled_from(Verdict),
    certificate_kind=st.sampled_from(CertificateKind),
    changes=st.sampled_from(Changes),
)
FILES = st.builds(
    FileFact,
    name=st.text(max_size=10),
    place=st.sampled_from(FilePlace),
    verdict=st.sampled_from(Verdict),
    signatures=st.lists(SIGNATURES, max_size=4).map(tuple),
)
POLICIES = st.builds(
    AcceptancePolicy,
    on_failed=st.sampled_from(OnFailed),
    on_missing=st.sampled_from(OnDoubt),
    on_indeterminate=st.sampled_from(OnDoubt),
    require_main=st.frozensets(st.sampled_from([R.SIGNER, R.ORGANISATION])),
    require_annex=st.frozensets(st.sampled_from([R.SIGNER, R.ORGANISATION])),
)


@given(st.lists(FILES, max_size=4), POLICIES)
def test_every_document_gets_a_decision_with_its_reasons(
    files: list[FileFact], policy: AcceptancePolicy
) -> None:
    acceptance = policy.evaluate(files)
    assert (acceptance.decision is Decision.DELIVER) == (not acceptance.reasons)
    assert acceptance.decision in {Decision.DELIVER, *(reason.decision for reason in acceptance.reasons)}
    assert all(reason.code in TEXTS for reason in acceptance.reasons)
    if acceptance.decision is Decision.REFUSE:
        assert policy.on_failed is OnFailed.REFUSE


@given(st.lists(FILES, min_size=1, max_size=3))
def test_another_bad_file_never_makes_the_decision_milder(files: list[FileFact]) -> None:
    order = list(Decision)
    bad = file(signed(R.SIGNER, V.FAILED), STAMP, place=FilePlace.ANNEX)
    before, after = (DEFAULT_POLICY.evaluate(f).decision for f in (files, [*files, bad]))
    assert order.index(after) >= order.index(before)


@pytest.mark.parametrize(
    ("kind", "word", "meaning"),
    [
        (Verdict, "TOTAL_PASSED", Verdict.INDETERMINATE),
        (SignatureRole, "witness", SignatureRole.UNKNOWN),
        (CertificateKind, "device", CertificateKind.UNKNOWN),
        (Changes, "odd", Changes.SUSPICIOUS),
    ],
)
def test_unknown_words_of_a_report_are_read_with_caution(kind: type, word: str, meaning: object) -> None:
    assert kind(word) is meaning


@pytest.mark.parametrize(
    ("names", "places"),
    [
        ([], []),
        (["vanban.pdf"], ["main"]),
        (["vanban.docx", "vanban.pdf", "phuluc.pdf"], ["editable", "main", "annex"]),
        (["anh.jpg", "vanban.PDF "], ["annex", "main"]),
        (["vanban.xml", "phuluc.zip"], ["main", "annex"]),
        (["vanban.doc", "bang.XLSX"], ["editable", "editable"]),
        (["README"], ["main"]),
    ],
)
def test_the_first_pdf_is_the_document(names: list[str], places: list[str]) -> None:
    assert [place.value for place in place_files(names)] == places
