"""What the hub does not let through: changed after signing, unknown recipients, secrets, forgeries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from hub.cli.demo.acts.act import QUIET_WAIT_S, Act, Step, first_delivery, now
from hub.cli.demo.cast import UNKNOWN_UNIT

ENDED_EARLY: Final = frozenset({"held", "refused", "undeliverable"})


class Refusals(Act):
    """Everything that must be refused is refused, with its code."""

    title: ClassVar[str] = "Những gì không được qua"

    def steps(self) -> Sequence[Step]:
        """The steps."""
        return (
            ("Một văn bản bị sửa sau khi ký: trục phát hiện, huyện không nhận", self._tampered),
            ("Nơi nhận không có trong danh bạ", self._unknown_recipient),
            ("Những gì trục không nhận", self._refusals),
        )

    async def _tampered(self) -> None:
        letter = self.letter("V/v đề nghị hỗ trợ kinh phí", self.district.unit)
        _, pdf = await self.commune.compose(letter, now=now())
        body = self.commune.message(letter, tampered(pdf), now=now())
        sent = await self.commune.client.send(body)
        state = await self.until_document(
            self.commune, sent.document_id, lambda d: first_delivery(d)["state"] in ENDED_EARLY
        )
        self.checks.that(state["indication"] == "TOTAL-FAILED", "kết luận: chữ ký số không hợp lệ")
        self.checks.that(first_delivery(state)["state"] == "refused", "lần giao bị từ chối, có lý do")
        offered = [o["document_id"] for o in await self.district.client.inbox(wait=QUIET_WAIT_S)]
        self.checks.that(sent.document_id not in offered, "huyện không thấy văn bản này")

    async def _unknown_recipient(self) -> None:
        alone = self.letter("V/v thử gửi nơi không tồn tại", UNKNOWN_UNIT)
        body, _ = await self.commune.compose(alone, now=now())
        await self.checks.refused(
            "recipient_unknown", lambda: self.commune.client.send(body), "chỉ có nơi nhận lạ"
        )
        mixed = self.letter("V/v gửi một nơi có và một nơi không", self.district.unit, UNKNOWN_UNIT)
        sent, _ = await self.commune.send(mixed, now=now())
        results = {r["code"]: r["result"] for r in sent.receipt["recipients"]}
        self.checks.that(
            results == {self.district.unit.code: "routed", UNKNOWN_UNIT.code: "undeliverable"},
            "biên nhận nói rõ nơi nào chuyển được, nơi nào không",
        )
        evidence = await self.commune.client.evidence(sent.document_id)
        self.checks.that(
            [e["kind"] for e in evidence] == ["non_delivery"], "có chứng cứ không giao được, do trục ký"
        )
        await self.receive_document(self.district, sent.document_id)
        self.checks.that(True, "nơi có trong danh bạ vẫn nhận được")

    async def _refusals(self) -> None:
        secret = self.letter("[MẬT] V/v thử dấu mật", self.district.unit)
        plain = self.letter("V/v mạo danh", self.district.unit)
        marked, forged = await self.written(self.commune, secret, plain)
        await self.checks.refused(
            "secrecy_mark", lambda: self.commune.client.send(marked), "văn bản mang dấu mật"
        )
        await self.checks.refused(
            "sender_not_allowed", lambda: self.department.client.send(forged), "gửi thay cơ quan khác"
        )
        await self.checks.refused(
            "not_xml", lambda: self.commune.client.send(b"khong phai XML"), "không phải XML"
        )
        doctype = b'<!DOCTYPE a [<!ENTITY x "y">]>' + marked
        await self.checks.refused(
            "doctype_forbidden", lambda: self.commune.client.send(doctype), "có DOCTYPE"
        )


def tampered(pdf: bytes) -> bytes:
    """Return a signed PDF with one byte of its signed content changed."""
    place = pdf.index(b"stream", len(pdf) // 20) + 40
    return pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :]
