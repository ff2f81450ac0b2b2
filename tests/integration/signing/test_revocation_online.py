"""Revocation and issuers' certificates over real HTTP, from authorities that behave and from odd ones."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from signing.addresses import AddressRules
from signing.command import PASSED as VALID
from signing.command import UNCERTAIN, run_verify
from signing.messages import Code
from signing.online import OnlineRules, OnlineSource
from signing.options import VerifyOptions
from signing.report import ChainStatus, Indication, Revocation, SignatureReport, SubIndication
from signing.trust import TrustStore
from signing.verify import verify_bytes
from signing.xades_sign import sign_xml
from tests.support.pki import NOW, Authorities

PASSED, FAILED, OPEN = Indication.TOTAL_PASSED, Indication.TOTAL_FAILED, Indication.INDETERMINATE


def _signed(vn: Authorities, label: str) -> bytes:
    return sign_xml(b"<a><b>1</b></a>", vn.credential(label), now=NOW)


def _judged(
    data: bytes, store: TrustStore, online: OnlineSource | None, *, require_revocation: bool = True
) -> SignatureReport:
    options = VerifyOptions(trust=store, at=NOW, online=online, require_revocation=require_revocation)
    (signature,) = verify_bytes(data, name="f", options=options).signatures
    return signature


def _text(signature: SignatureReport, code: Code) -> str:
    return next((f.en for f in signature.findings if f.code == code.value), "")


@pytest.mark.parametrize(
    ("label", "indication", "sub", "revocation"),
    [
        ("good", PASSED, None, Revocation.GOOD),
        ("revoked", FAILED, SubIndication.REVOKED, Revocation.REVOKED),
        ("held", OPEN, SubIndication.TRY_LATER, Revocation.UNKNOWN),
        ("expired", OPEN, SubIndication.OUT_OF_BOUNDS_NO_POE, Revocation.UNKNOWN),
        ("future", OPEN, SubIndication.NOT_YET_VALID, Revocation.GOOD),
        ("crl-only", PASSED, None, Revocation.GOOD),
        ("crl-revoked", FAILED, SubIndication.REVOKED, Revocation.REVOKED),
        ("dead-ocsp", PASSED, None, Revocation.GOOD),
        ("moved", PASSED, None, Revocation.GOOD),
        ("unpublished", PASSED, None, Revocation.UNKNOWN),
        ("company", PASSED, None, Revocation.GOOD),
    ],
)
def test_what_the_authorities_say_decides(
    vn: Authorities,
    label: str,
    indication: Indication,
    sub: SubIndication | None,
    revocation: Revocation,
) -> None:
    signature = _judged(_signed(vn, label), vn.store(), vn.online())
    assert (signature.indication, signature.sub_indication) == (indication, sub)
    assert (signature.chain, signature.revocation) == (ChainStatus.TRUSTED, revocation)


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("dead", "OCSP: ConnectionRefused.*CRL: ConnectionRefused"),
        ("junk", "OCSP: unreadable; CRL: not a list of this issuer"),
        ("nonce", "OCSP: wrong nonce"),
        ("foreign-crl", "CRL: not a list of this issuer"),
        ("huge", "CRL: larger than 1048576 bytes"),
        ("drip", "OCSP: no answer within"),
        ("circle", "CRL: redirects go round in a circle"),
        ("away", "CRL: address refused: scheme file"),
    ],
)
def test_what_could_not_be_checked_is_neither_red_nor_silent(
    vn: Authorities, label: str, reason: str
) -> None:
    online = vn.online(fetch_seconds=0.5, list_bytes=1 << 20)
    signature = _judged(_signed(vn, label), vn.store(), online)
    assert (signature.indication, signature.sub_indication) == (OPEN, SubIndication.TRY_LATER)
    assert signature.intact
    assert re.search(reason, _text(signature, Code.REVOCATION_UNKNOWN))


def test_by_policy_an_unchecked_revocation_is_only_noted(vn: Authorities) -> None:
    signature = _judged(_signed(vn, "dead"), vn.store(), vn.online(), require_revocation=False)
    assert signature.indication is PASSED
    assert _text(signature, Code.REVOCATION_UNKNOWN)


def test_without_the_network_nothing_is_asked(vn: Authorities) -> None:
    signature = _judged(_signed(vn, "good"), vn.store(), None)
    assert signature.sub_indication is SubIndication.TRY_LATER
    assert vn.asked == []


def test_without_trust_nothing_is_asked(vn: Authorities) -> None:
    options = VerifyOptions(trust=vn.store(), no_trust=True, online=vn.online())
    assert verify_bytes(_signed(vn, "good"), name="f", options=options).indication is PASSED
    assert vn.asked == []


def test_a_private_address_is_asked_only_if_it_is_allowed(vn: Authorities) -> None:
    strict = OnlineSource(OnlineRules(addresses=AddressRules(ports=frozenset())), now=lambda: NOW)
    signature = _judged(_signed(vn, "good"), vn.store(), strict)
    assert "not a public address" in _text(signature, Code.REVOCATION_UNKNOWN)
    assert vn.asked == []


def test_a_list_of_hosts_keeps_others_from_being_asked(vn: Authorities) -> None:
    rules = AddressRules(hosts=frozenset({"ca.gov.vn"}), allow_private=True, ports=frozenset())
    source = OnlineSource(OnlineRules(addresses=rules), now=lambda: NOW)
    assert "not on the list" in _text(
        _judged(_signed(vn, "good"), vn.store(), source), Code.REVOCATION_UNKNOWN
    )
    assert vn.asked == []


@pytest.mark.parametrize("label", ["good", "aia-pem", "aia-p7b"])
def test_a_missing_intermediate_is_fetched_in_whatever_form_it_comes(vn: Authorities, label: str) -> None:
    data, store = _signed(vn, label), vn.store(intermediates=False)
    assert _judged(data, store, None).sub_indication is SubIndication.NO_CERTIFICATE_CHAIN_FOUND
    assert _judged(data, store, vn.online()).indication is PASSED


@pytest.mark.parametrize("label", ["aia-junk", "loop"])
def test_an_issuer_that_leads_nowhere_ends_the_search(vn: Authorities, label: str) -> None:
    signature = _judged(_signed(vn, label), vn.store(intermediates=False), vn.online())
    assert signature.findings[0].code == Code.CHAIN_INTERMEDIATE_MISSING.value
    assert len(vn.asked) == 1


def test_a_leaf_alone_is_green_offline_with_the_intermediate_in_the_store(vn: Authorities) -> None:
    lists = [vn.crl("sub-g2"), vn.crl("root-g2")]
    kept = vn.store()
    store = TrustStore(kept.anchors, intermediates=kept.intermediates, crls=lists)
    signature = _judged(_signed(vn, "good"), store, None)
    assert (signature.indication, signature.revocation) == (PASSED, Revocation.GOOD)
    assert vn.asked == []


def test_the_same_answer_is_not_fetched_twice(vn: Authorities) -> None:
    online, store, data = vn.online(), vn.store(), _signed(vn, "good")
    first = _judged(data, store, online)
    asked = list(vn.asked)
    assert [_judged(data, store, online).indication for _ in range(3)] == [first.indication] * 3
    assert vn.asked == asked


def test_processes_share_what_was_fetched(vn: Authorities, tmp_path: Path) -> None:
    data, store = _signed(vn, "good"), vn.store()
    assert _judged(data, store, vn.online(cache=tmp_path)).indication is PASSED
    vn.asked.clear()
    assert _judged(data, store, vn.online(cache=tmp_path)).indication is PASSED
    assert vn.asked == []


def test_a_damaged_cache_is_fetched_anew(vn: Authorities, tmp_path: Path) -> None:
    data, store = _signed(vn, "good"), vn.store()
    _judged(data, store, vn.online(cache=tmp_path))
    for path in tmp_path.glob("??/*"):
        path.write_bytes(path.read_bytes()[:-7])
    vn.asked.clear()
    assert _judged(data, store, vn.online(cache=tmp_path)).indication is PASSED
    assert len(vn.asked) == 2


def test_a_dead_host_is_not_asked_again_for_a_while(vn: Authorities) -> None:
    online, store = vn.online(fetch_seconds=0.3), vn.store()
    data = _signed(vn, "drip")
    for _ in range(3):
        assert _judged(data, store, online).sub_indication is SubIndication.TRY_LATER
    assert vn.asked.count("/odd/drip") == 1


def test_after_its_next_update_an_answer_is_fetched_anew(vn: Authorities) -> None:
    clock = [NOW]
    online = vn.online()
    online.now = lambda: clock[0]
    store, data = vn.store(), _signed(vn, "crl-only")
    _judged(data, store, online)
    clock[0] = NOW + timedelta(days=60)
    _judged(data, store, online)
    assert vn.asked.count("/vn/crls/sub-g2/latest.crl") == 2


def test_a_document_cannot_spend_more_than_its_share(vn: Authorities) -> None:
    signature = _judged(_signed(vn, "good"), vn.store(), vn.online(document_fetches=1))
    assert signature.revocation is Revocation.GOOD
    assert "share of time is used up" in _text(signature, Code.CA_REVOCATION_UNKNOWN)
    assert len(vn.asked) == 1


def test_the_command_line_asks_only_when_told_to(vn: Authorities, tmp_path: Path) -> None:
    (tmp_path / "letter.xml").write_bytes(_signed(vn, "good"))
    (tmp_path / "trust" / "anchors").mkdir(parents=True)
    (tmp_path / "trust" / "anchors" / "root.crt").write_bytes(vn.certificate("root-g2").dump())
    for rules, code, asked in ((None, UNCERTAIN, 0), (vn.online().rules, VALID, 3)):
        out = io.StringIO()
        assert code == run_verify(
            [tmp_path / "letter.xml"],
            as_json=True,
            no_trust=False,
            trust=tmp_path / "trust",
            at=NOW,
            content=(),
            policy=None,
            show_personal=False,
            out=out,
            err=io.StringIO(),
            online=rules,
        )
        assert json.loads(out.getvalue())[0]["signatures"][0]["signer"]
        assert len(vn.asked) == asked
