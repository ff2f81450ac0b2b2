"""Whose signature a document bears, from the first time a certificate is seen to an administrator's word."""

from __future__ import annotations

from typing import Any

import pytest

from hub.domain.signers import CertificateState, SignerKind
from hub.services.registry_errors import RegistryError
from signing.devpki import DevPki
from signing.report import CertificateInfo, ChainStatus, FileReport, Indication, Role
from tests.support.hub import A, B, C, HubUnderTest, Peer, report, signed
from tests.support.messages import letter

PRINT = "ab" * 32


def stamped(name: str, *, chain: ChainStatus = ChainStatus.TRUSTED) -> FileReport:
    """A letter with a person's signature and the stamp of the organisation of that name."""
    info = CertificateInfo(
        subject=f"UID=MST:3700123456, CN={name}",
        issuer="CN=CA",
        serial="1",
        not_before=None,
        not_after=None,
        sha256=PRINT,
        common_name=name,
    )
    return report(
        signed(Role.SIGNER, Indication.TOTAL_PASSED),
        signed(Role.ORGANISATION, Indication.TOTAL_PASSED, signer=info, chain=chain),
    )


async def judged(hub: HubUnderTest, a: Peer, verdict: FileReport, number: int = 1) -> dict[str, Any]:
    hub.verifier.verdict = verdict
    sent = await a.accepted(letter(A, B, number=number))
    await hub.settle()
    shown: dict[str, Any] = await a.show(sent.document_id)
    listed = (await a.call("GET", f"/api/v1/documents/{sent.document_id}/signatures")).json["reports"]
    return shown | {"report": listed[0]["report"]}


async def test_another_agencys_stamp_is_held_and_said_so(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    shown = await judged(hub, a, stamped(f"Đơn vị {C}"))
    (delivery,) = shown["deliveries"]
    assert delivery["state"] == "held"
    assert delivery["acceptance"]["reasons"][0] == "signer_not_sender"
    assert shown["indication"] == "INDETERMINATE"
    stamp = shown["report"]["signatures"][1]
    assert (stamp["indication"], stamp["sub_indication"]) == ("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE")
    assert stamp["findings"][0]["code"] == "SIGNER_NOT_SENDER"
    assert stamp["intact"]
    assert not await b.inbox()


async def test_the_senders_own_name_passes_and_is_proposed(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    shown = await judged(hub, a, stamped(f"ĐƠN VỊ {A}"))
    assert shown["deliveries"][0]["acceptance"] == {"decision": "deliver", "reasons": []}
    (row,) = await hub.registry.certificates.list(code=A)
    assert row.certificate.state is CertificateState.PROPOSED
    assert row.certificate.fingerprint.hex() == PRINT
    assert "3700123456" not in row.subject


async def test_a_certificate_of_an_untrusted_chain_is_not_learnt(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await judged(hub, a, stamped(f"Đơn vị {A}", chain=ChainStatus.UNTRUSTED))
    assert await hub.registry.certificates.list() == ()


async def test_an_unknown_organisation_warns_until_an_administrator_confirms_it(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    before = await judged(hub, a, stamped("Công ty X"), 1)
    assert before["deliveries"][0]["acceptance"]["reasons"] == ["signer_unknown_agency"]
    await hub.registry.certificates.decide(A, PRINT[:8], CertificateState.CONFIRMED, by="an")
    after = await judged(hub, a, stamped("Công ty X"), 2)
    assert after["deliveries"][0]["acceptance"] == {"decision": "deliver", "reasons": []}
    assert "SIGNER_NAME_DIFFERS" in {f["code"] for f in after["report"]["signatures"][1]["findings"]}


async def test_what_is_confirmed_for_one_agency_is_not_anothers(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await judged(hub, a, stamped("Công ty X"), 1)
    await hub.registry.certificates.decide(A, PRINT, CertificateState.CONFIRMED, by="an")
    hub.verifier.verdict = stamped("Công ty X")
    sent = await b.accepted(letter(B, A))
    await hub.settle()
    (delivery,) = (await b.show(sent.document_id))["deliveries"]
    assert delivery["acceptance"]["reasons"][0] == "signer_not_sender"


async def test_a_recipient_may_choose_a_warning(hub: HubUnderTest, a: Peer) -> None:
    b = await hub.system("DMS B", B, policy=[("on_other_signer", "warn")])
    shown = await judged(hub, a, stamped(f"Đơn vị {C}"))
    assert shown["deliveries"][0]["acceptance"]["decision"] == "deliver_with_warning"
    assert len(await b.inbox()) == 1


async def test_an_administrator_adds_and_refuses_certificates(hub: HubUnderTest, tmp_path: Any) -> None:
    desk = hub.registry.certificates
    pki = DevPki.open_or_create(tmp_path / "pki")
    file = tmp_path / "stamp.cer"
    file.write_bytes(pki.issue_organisation("Sở A").certificate.dump())
    made = await desk.add(A, file, kind=SignerKind.ORGANISATION, first=None, last=None, by="an")
    digits = made.certificate.fingerprint.hex()
    refused = await desk.decide(A, digits[:12].upper(), CertificateState.REFUSED, by="an")
    assert refused.certificate.state is CertificateState.REFUSED
    with pytest.raises(RegistryError, match="certificate_unknown"):
        await desk.decide(B, digits, CertificateState.CONFIRMED, by="an")
    file.write_bytes(b"no certificate")
    with pytest.raises(RegistryError, match="certificate_unreadable"):
        await desk.add(A, file, kind=SignerKind.PERSON, first=None, last=None, by="an")
