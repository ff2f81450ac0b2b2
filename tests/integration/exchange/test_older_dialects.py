"""Messages in the dialects from before QCVN 102 travel like any other; recipients get the strict form."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.edxml.xsd import check_written
from tests.support.hub import A, B, HubUnderTest, Peer, sha256
from tests.unit.schemas.older.older_kit import (
    PAIR_HEADER,
    PDF,
    SOAP,
    attached,
    mime,
    pair,
    pair_attachments,
    read_cut,
)

SENDER, RECIPIENT = "000.00.13.H99", "000.00.31.H99"


def addressed(text: str) -> str:
    return text.replace(SENDER, A).replace(RECIPIENT, B)


SENT = {
    "multipart/related; boundary=Boundary": mime(attached(), envelope=addressed(SOAP)),
    "application/zip": pair(addressed(PAIR_HEADER), pair_attachments(("bao-cao.pdf", PDF))),
}


@pytest.mark.parametrize("media_type", SENT)
async def test_an_older_message_is_accepted_and_handed_over_in_the_strict_dialect(
    hub: HubUnderTest, a: Peer, b: Peer, tmp_path: Path, media_type: str
) -> None:
    body = SENT[media_type]
    sent = await a.send(body, Content_Type=media_type)
    assert sent.status == 201, sent.raw
    await hub.settle()
    fetched = await b.take(await b.only())
    assert check_written(fetched.raw) == ()
    assert fetched.headers["X-Original-SHA256"] == sha256(body)
    assert fetched.headers["X-Rendition"]
    assert [each.path.read_bytes() for each in read_cut(fetched.raw, tmp_path).attachments] == [PDF]
    assert hub.verifier.seen[-1][1] == PDF


async def test_the_credential_in_an_older_message_reaches_nobody(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.send(mime(attached(), envelope=addressed(SOAP)), Content_Type="multipart/related")
    await hub.settle()
    assert b"khong-ai-duoc-thay" not in (await b.take(await b.only())).raw


async def test_a_pair_that_states_its_secrecy_is_refused(hub: HubUnderTest, a: Peer) -> None:
    header = addressed(PAIR_HEADER).replace("<edXML:Secret>Thường<", "<edXML:Secret>Mật<")
    refused = await a.send(pair(header), Content_Type="application/zip")
    assert (refused.status, refused.code) == (422, "secrecy_mark")


async def test_the_same_older_message_again_gets_the_same_receipt(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    body = mime(attached(), envelope=addressed(SOAP))
    first = await a.send(body, Content_Type="multipart/related")
    again = await a.send(body, Content_Type="multipart/related")
    assert (again.status, again.raw) == (200, first.raw)
