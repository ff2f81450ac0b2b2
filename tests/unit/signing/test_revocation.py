"""What lists and responses are worth: scope, authority, freshness, and what several say together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as native_ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from signing import ocsp
from signing.certificates import load_certificates
from signing.crl import RevocationList
from signing.report import Revocation
from signing.revocation import RevocationChecker, check
from signing.revocation_answers import RevocationAnswer, conclude
from tests.unit.signing.conftest import NOW

GOOD, REVOKED, UNKNOWN = Revocation.GOOD, Revocation.REVOKED, Revocation.UNKNOWN
DAY = timedelta(days=1)
POINT = "http://ca.test/a.crl"


class Holder:
    """A certificate with its key, made for these tests."""

    def __init__(
        self,
        name: str,
        issuer: Holder | None = None,
        *,
        ca: bool = False,
        extensions: tuple[x509.ExtensionType, ...] = (),
        since: datetime = NOW - 30 * DAY,
        until: datetime = NOW + 9_000 * DAY,
        key: rsa.RSAPrivateKey | None = None,
    ) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = issuer or self
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(signer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        self.certificate = builder.sign(signer.key, hashes.SHA256())
        self.parsed: asn1_x509.Certificate = load_certificates(self.certificate.public_bytes(Encoding.DER))[0]


OCSP_USE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
POINTS = x509.CRLDistributionPoints(
    [x509.DistributionPoint([x509.UniformResourceIdentifier(POINT)], None, None, None)]
)
CA = Holder("CA", ca=True)
LEAF = Holder("Leaf", CA, extensions=(POINTS,))
ENDED = Holder("Ended", CA, until=NOW - 5 * DAY)

Builder = x509.CertificateRevocationListBuilder
Change = Callable[[Builder], Builder]


def _list(
    change: Change = lambda b: b,
    *,
    at: datetime = NOW,
    following: datetime | None = None,
    issuer: Holder = CA,
) -> bytes:
    builder = Builder().issuer_name(issuer.name).last_update(at).next_update(following or at + DAY)
    return change(builder).sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _revoking(
    *holders: Holder, since: datetime = NOW - DAY, reason: x509.ReasonFlags | None = None
) -> Change:
    def change(builder: Builder) -> Builder:
        for holder in holders:
            entry = x509.RevokedCertificateBuilder().serial_number(holder.certificate.serial_number)
            entry = entry.revocation_date(since)
            if reason is not None:
                entry = entry.add_extension(x509.CRLReason(reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder

    return change


def _scope(**chosen: object) -> Change:
    values: dict[str, object] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
        **chosen,
    }
    return lambda b: b.add_extension(x509.IssuingDistributionPoint(**values), critical=True)  # type: ignore[arg-type]


def _said(blob: bytes, holder: Holder = LEAF) -> RevocationAnswer:
    answer = RevocationList(blob).answer(holder.parsed, CA.parsed)
    assert answer is not None
    return answer


def _name(text: str) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(text)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_scope(indirect_crl=True), "indirect"),
        (_scope(only_contains_attribute_certs=True), "attribute"),
        (_scope(only_contains_ca_certs=True), "for CA certificates"),
        (_scope(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise})), "some reasons"),
        (_scope(full_name=_name("http://ca.test/b.crl")), "another distribution point"),
        (lambda b: b.add_extension(x509.DeltaCRLIndicator(1), critical=True), "delta"),
        (
            lambda b: b.add_extension(
                x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\5\0"), critical=True
            ),
            "critical extension",
        ),
    ],
)
def test_a_list_of_another_scope_does_not_say_good(change: Change, problem: str) -> None:
    answer = _said(_list(change))
    assert answer.status is UNKNOWN
    assert problem in answer.problem


@pytest.mark.parametrize("change", [_scope(full_name=_name(POINT)), _scope(only_contains_user_certs=True)])
def test_a_list_for_this_kind_of_certificate_counts(change: Change) -> None:
    assert _said(_list(change)).status is GOOD


@pytest.mark.parametrize(
    "more",
    [
        lambda b: b.add_extension(x509.DeltaCRLIndicator(1), critical=True),
        _scope(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise})),
    ],
)
def test_a_partial_list_can_still_revoke(more: Change) -> None:
    revoking = _revoking(LEAF)
    assert _said(_list(lambda b: more(revoking(b)))).status is REVOKED


def test_a_hold_is_undecided_and_a_release_says_nothing() -> None:
    held = _said(_list(_revoking(LEAF, reason=x509.ReasonFlags.certificate_hold)))
    assert (held.status, held.on_hold) == (UNKNOWN, True)
    released = _said(_list(_revoking(LEAF, reason=x509.ReasonFlags.remove_from_crl)))
    assert (released.status, released.on_hold) == (UNKNOWN, False)


def test_the_list_of_another_issuer_is_no_answer_and_a_forged_one_is_worthless() -> None:
    assert RevocationList(_list(issuer=Holder("Other", ca=True))).answer(LEAF.parsed, CA.parsed) is None
    assert "wrong signature" in _said(_list(issuer=Holder("CA", ca=True))).problem


def test_a_key_that_may_not_sign_lists_signs_none() -> None:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    issuer = Holder("CA", ca=True, extensions=(usage,))
    leaf = Holder("Leaf", issuer)
    answer = RevocationList(_list(issuer=issuer)).answer(leaf.parsed, issuer.parsed)
    assert answer is not None
    assert "may not sign lists" in answer.problem


@pytest.mark.parametrize(
    ("made", "at", "expected"),
    [
        (NOW, NOW, GOOD),
        (NOW - timedelta(hours=20), NOW, GOOD),
        (NOW - 3 * DAY, NOW, UNKNOWN),
        (NOW + 9 * DAY, NOW, GOOD),
    ],
    ids=["now", "still valid", "too old", "made after the moment in question"],
)
def test_a_list_counts_while_it_is_fresh(made: datetime, at: datetime, expected: Revocation) -> None:
    assert check(LEAF.parsed, CA.parsed, lists=[_list(at=made)], responses=(), at=at).status is expected


def test_a_list_made_after_a_certificate_ended_does_not_know_it_any_more() -> None:
    outcome = check(ENDED.parsed, CA.parsed, lists=[_list()], responses=(), at=NOW - 6 * DAY)
    assert outcome.status is UNKNOWN


def test_a_list_that_keeps_ended_certificates_does() -> None:
    kept = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.60"), b"\x18\x0f20200101000000Z")
    blob = _list(lambda b: b.add_extension(kept, critical=False))
    assert check(ENDED.parsed, CA.parsed, lists=[blob], responses=(), at=NOW - 6 * DAY).status is GOOD


def test_revoked_goes_before_good_whoever_says_it() -> None:
    lists = [_list(), _list(_revoking(LEAF))]
    outcome = check(LEAF.parsed, CA.parsed, lists=lists, responses=[_response()], at=NOW)
    assert (outcome.status, outcome.since) == (REVOKED, NOW - DAY)


def test_a_newer_good_lifts_a_hold_and_an_older_one_does_not() -> None:
    held = _said(_list(_revoking(LEAF, reason=x509.ReasonFlags.certificate_hold)))
    newer, older = _said(_list(at=NOW + timedelta(hours=1))), _said(_list(at=NOW - timedelta(hours=1)))
    assert conclude([held, newer], at=NOW).status is GOOD
    assert conclude([held, older], at=NOW).on_hold


def test_a_name_in_another_encoding_is_the_same_name() -> None:
    printable = Holder("CA", ca=True)
    attribute = x509.NameAttribute(NameOID.COMMON_NAME, "CA", x509.name._ASN1Type.PrintableString)
    printable.name = x509.Name([attribute])
    assert printable.name.public_bytes() != CA.name.public_bytes()
    blob = (
        Builder()
        .issuer_name(printable.name)
        .last_update(NOW)
        .next_update(NOW + DAY)
        .sign(CA.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    assert _said(blob).status is GOOD


def test_a_list_in_pem_is_read() -> None:
    blob = x509.load_der_x509_crl(_list()).public_bytes(Encoding.PEM)
    assert _said(blob).status is GOOD


@given(st.binary(max_size=200))
def test_bytes_that_are_no_list_say_nothing(blob: bytes) -> None:
    assert check(LEAF.parsed, CA.parsed, lists=[blob], responses=[blob], at=NOW).status is UNKNOWN


def test_a_list_of_many_entries_is_read_once_and_asked_often() -> None:
    def many(builder: Builder) -> Builder:
        for number in range(1, 5_000):
            entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(NOW - DAY)
            builder = builder.add_revoked_certificate(entry.build())
        return builder

    held = RevocationList(_list(many))
    answers = {held.answer(LEAF.parsed, CA.parsed) for _ in range(50)}
    assert [a.status for a in answers if a] == [GOOD]


def _response(
    responder: Holder = CA,
    *,
    status: native_ocsp.OCSPCertStatus = native_ocsp.OCSPCertStatus.GOOD,
    nonce: bytes | None = None,
    about: Holder = LEAF,
    reason: x509.ReasonFlags | None = None,
) -> bytes:
    revoked = status is native_ocsp.OCSPCertStatus.REVOKED
    builder = (
        native_ocsp.OCSPResponseBuilder()
        .add_response(
            cert=about.certificate,
            issuer=CA.certificate,
            algorithm=hashes.SHA1(),
            cert_status=status,
            this_update=NOW,
            next_update=NOW + DAY,
            revocation_time=NOW - DAY if revoked else None,
            revocation_reason=reason,
        )
        .responder_id(native_ocsp.OCSPResponderEncoding.HASH, responder.certificate)
        .certificates([responder.certificate])
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.sign(responder.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _asked(
    blob: bytes, *, rules: ocsp.ResponderRules | None = None, nonce: bytes | None = None
) -> RevocationAnswer:
    answer = ocsp.answer(blob, LEAF.parsed, CA.parsed, rules=rules, nonce=nonce)
    assert answer is not None
    return answer


def test_a_certified_responder_answers_for_the_issuer() -> None:
    assert _asked(_response(Holder("OCSP", CA, extensions=(OCSP_USE,)))).status is GOOD


def test_a_responder_whose_certificate_never_ends_answers_too() -> None:
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert _asked(_response(Holder("OCSP", CA, extensions=(OCSP_USE,), until=never))).status is GOOD


@pytest.mark.parametrize(
    ("responder", "problem"),
    [
        (Holder("OCSP", CA), "not authorised"),
        (Holder("OCSP", Holder("Other", ca=True), extensions=(OCSP_USE,)), "not authorised"),
        (Holder("OCSP", CA, extensions=(OCSP_USE,), until=NOW - DAY), "was not valid"),
    ],
    ids=["not for OCSP", "of another authority", "ended"],
)
def test_a_responder_without_authority_answers_nothing(responder: Holder, problem: str) -> None:
    answer = _asked(_response(responder))
    assert answer.status is UNKNOWN
    assert problem in answer.problem


def test_a_revoked_responder_answers_nothing_unless_its_certificate_says_not_to_ask() -> None:
    plain = Holder("OCSP", CA, extensions=(OCSP_USE,))
    free = Holder("OCSP", CA, extensions=(OCSP_USE, x509.OCSPNoCheck()))
    lists = (RevocationList(_list(_revoking(plain, free))),)
    for responder, expected in ((plain, UNKNOWN), (free, GOOD)):
        rules = ocsp.ResponderRules(revoked=RevocationChecker(lists=lists).revokes)
        assert _asked(_response(responder), rules=rules).status is expected


def test_a_responder_of_the_root_answers_for_the_sub_ca() -> None:
    root = Holder("Root", ca=True)
    responder = Holder("OCSP", root, extensions=(OCSP_USE,))
    assert _asked(_response(responder)).status is UNKNOWN
    assert _asked(_response(responder), rules=ocsp.ResponderRules(above=(root.parsed,))).status is GOOD
    plain = _response(Holder("Web", root))
    assert _asked(plain, rules=ocsp.ResponderRules(above=(root.parsed,))).status is UNKNOWN


def test_a_responder_that_the_administrator_trusts_answers_for_any_issuer() -> None:
    own = Holder("Tỉnh")
    assert _asked(_response(own)).status is UNKNOWN
    rules = ocsp.ResponderRules(trusted=lambda c: c.dump() == own.parsed.dump())
    assert _asked(_response(own), rules=rules).status is GOOD


@pytest.mark.parametrize(
    ("sent", "returned", "expected"),
    [(b"a" * 32, b"a" * 32, GOOD), (b"a" * 32, b"b" * 32, UNKNOWN), (b"a" * 32, None, GOOD)],
    ids=["same", "other", "none: signed ahead"],
)
def test_a_nonce_must_come_back_if_one_comes(
    sent: bytes, returned: bytes | None, expected: Revocation
) -> None:
    assert _asked(_response(nonce=returned), nonce=sent).status is expected


def test_a_response_about_others_is_no_answer() -> None:
    assert ocsp.answer(_response(about=ENDED), LEAF.parsed, CA.parsed) is None


def test_a_response_may_put_on_hold() -> None:
    held = _response(status=native_ocsp.OCSPCertStatus.REVOKED, reason=x509.ReasonFlags.certificate_hold)
    assert _asked(held).on_hold


def test_an_answer_signed_with_an_old_digest_counts_only_in_an_old_chain() -> None:
    rules = ocsp.ResponderRules(refused_digests=frozenset({"sha256"}))
    assert "signed with sha256" in _asked(_response(), rules=rules).problem
    answer = RevocationList(_list()).answer(LEAF.parsed, CA.parsed, refused_digests=frozenset({"sha256"}))
    assert answer is not None
    assert "signed with sha256" in answer.problem


def test_our_request_is_one_that_others_read() -> None:
    asked = native_ocsp.load_der_ocsp_request(ocsp.request(LEAF.parsed, CA.parsed, nonce=b"n" * 32))
    assert asked.serial_number == LEAF.certificate.serial_number
    assert asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 32
