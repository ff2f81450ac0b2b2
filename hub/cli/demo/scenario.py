"""The scenario: a commune's letter goes through the district to a department, and an answer comes back.

Every step checks what a sceptic would: that the receipt's seal holds, that the recipient got the very
bytes that were sent, that nothing came twice, that what must be refused is refused with its code.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from joserfc import jws
from joserfc.jwk import KeySet

from adapters.simulator.client import Json, Sent
from adapters.simulator.dms import Letter, Received, SimulatedDms
from hub.cli.demo.cast import COMMUNE, DEPARTMENT, DISTRICT, UNKNOWN_UNIT
from hub.cli.demo.checks import Checks, StepImpossible
from hub.cli.demo.stage import Stage

WAIT_S: Final = 20
QUIET_WAIT_S: Final = 1
STEP_LIMIT_S: Final = 30.0
ENDED_EARLY: Final = frozenset({"held", "refused", "undeliverable"})


T = TypeVar("T")


class Scenario:
    """One performance on a stage."""

    def __init__(self, stage: Stage, checks: Checks) -> None:
        self.checks = checks
        self.steps = 0
        self.commune = stage.system(COMMUNE)
        self.district = stage.system(DISTRICT)
        self.department = stage.system(DEPARTMENT)
        # What later steps go back to: the first letter as sent, and the one forwarded.
        self._first: tuple[Sent, bytes] | None = None
        self._forwarded: Json | None = None
        # Numbers that no earlier performance in this home has used.
        self._number = int(time.time()) % 10_000_000 * 10

    async def perform(self) -> None:
        """Play all steps; what goes wrong is in `checks`."""
        steps = (
            ("Xã gửi báo cáo có ký số cho huyện; trục kiểm tra và chuyển", self._send_and_deliver),
            ("Huyện báo trạng thái 01, 03, 06; xã nhận được", self._statuses),
            ("Xã gửi lại đúng văn bản đó, rồi gửi văn bản khác cùng số", self._duplicate),
            ("Huyện chuyển tiếp lên Sở Nội vụ (khẩn); Sở tiếp nhận", self._district_to_department),
            ("Sở trả lời huyện; huyện nhận cả trạng thái và văn bản trả lời", self._reply),
            ("Một văn bản bị sửa sau khi ký: trục phát hiện, huyện không nhận", self._tampered),
            ("Nơi nhận không có trong danh bạ", self._unknown_recipient),
            ("Những gì trục không nhận", self._refusals),
        )
        self.steps = len(steps)
        for number, (title, action) in enumerate(steps, 1):
            await self.checks.step(number, title, action)

    async def _send_and_deliver(self) -> None:
        letter = self._letter("V/v báo cáo tình hình chuyển đổi số quý IV", self.district)
        sent, body = await self.commune.send(letter, now=_now())
        await self._check_receipt(sent, body)
        received = await self._receive(self.district, sent.document_id)
        self.checks.that(received is not None, "huyện nhận được văn bản")
        if received is None:
            return
        self.checks.that(received.fetched.body == body, "nội dung nhận được đúng từng byte đã gửi")
        reports = await self.commune.client.signatures(sent.document_id)
        signatures = [s for r in reports["reports"] for s in r["report"]["signatures"]]
        passed = [s for s in signatures if s["indication"] == "TOTAL-PASSED"]
        self.checks.that(
            len(signatures) == 2 and len(passed) == 2, "chữ ký của lãnh đạo và dấu cơ quan đều hợp lệ"
        )
        state = (await self.commune.client.document(sent.document_id))["deliveries"][0]
        self.checks.that(state["state"] == "confirmed", "nơi gửi thấy trạng thái “đã xác nhận”")
        self._first = (sent, body)

    async def _statuses(self) -> None:
        sent, _ = self._needed(self._first)
        said = ["01", "03", "06"]
        for code in said:
            await self.district.client.status(sent.document_id, code, at=_now(), staff="Văn thư huyện")
        got: list[str] = []
        while len(got) < len(said):
            arrived = await asyncio.wait_for(self.commune.receive(wait=WAIT_S), STEP_LIMIT_S)
            if not arrived:
                break
            got += [r.offer["status_code"] for r in arrived if r.offer["kind"] == "status"]
        self.checks.that(got == said, f"xã nhận trạng thái theo thứ tự: {', '.join(got) or 'không có'}")
        document = await self.commune.client.document(sent.document_id)
        self.checks.that(
            document["deliveries"][0]["business_state"] == "finished", "văn bản ở trạng thái “hoàn thành”"
        )

    async def _duplicate(self) -> None:
        sent, body = self._needed(self._first)
        again = await self.commune.client.send(body)
        self.checks.that(again.raw == sent.raw, "biên nhận cũ được trả lại, giống từng byte")
        self.checks.that(again.repeated, "lời đáp nói rõ là gửi lặp")
        extra = await self.district.client.inbox(wait=QUIET_WAIT_S)
        self.checks.that(not extra, "huyện không nhận thêm bản nào")
        other = body.replace(b"<edXML:Content>", b"<edXML:Content>khac ", 1)
        await self.checks.refused(
            "document_conflict", lambda: self.commune.client.send(other), "nội dung khác, cùng số văn bản"
        )

    async def _district_to_department(self) -> None:
        letter = self._letter("V/v xin ý kiến về kiện toàn tổ chức bộ máy", self.department, priority=1)
        sent, body = await self.district.send(letter, now=_now())
        received = await self._receive(self.department, sent.document_id)
        self.checks.that(received is not None and received.fetched.body == body, "Sở nhận đúng văn bản")
        if received is None:
            return
        self.checks.that(bool(received.offer["urgent"]), "văn bản khẩn đi làn khẩn")
        for code in ("01", "03", "05"):
            await self.department.client.status(sent.document_id, code, at=_now())
        self._forwarded = received.offer

    async def _reply(self) -> None:
        offer = self._needed(self._forwarded)
        letter = self._letter("V/v trả lời về kiện toàn tổ chức bộ máy", self.district, reply_to=offer)
        sent, _ = await self.department.send(letter, now=_now())
        await self.department.client.status(offer["document_id"], "06", at=_now())
        kinds: list[str] = []
        found = False
        ends = time.monotonic() + STEP_LIMIT_S
        while time.monotonic() < ends and (not found or kinds.count("status") < 4):
            for received in await self.district.receive(wait=WAIT_S):
                kinds.append(received.offer["kind"])
                found = found or received.offer["document_id"] == sent.document_id
        self.checks.that(found, "huyện nhận văn bản trả lời")
        self.checks.that(kinds.count("status") == 4, "huyện nhận đủ 4 trạng thái 01, 03, 05, 06")
        document = await self.district.client.document(offer["document_id"])
        self.checks.that(
            document["deliveries"][0]["business_state"] == "finished", "văn bản gửi Sở đã hoàn thành"
        )

    async def _tampered(self) -> None:
        letter = self._letter("V/v đề nghị hỗ trợ kinh phí", self.district)
        _, pdf = await self.commune.compose(letter, now=_now())
        body = self.commune.message(letter, _tampered(pdf), now=_now())
        sent = await self.commune.client.send(body)
        state = await self._until(
            self.commune, sent.document_id, lambda d: d["deliveries"][0]["state"] in ENDED_EARLY
        )
        self.checks.that(state["indication"] == "TOTAL-FAILED", "kết luận: chữ ký số không hợp lệ")
        self.checks.that(state["deliveries"][0]["state"] == "refused", "lần giao bị từ chối, có lý do")
        offered = [o["document_id"] for o in await self.district.client.inbox(wait=QUIET_WAIT_S)]
        self.checks.that(sent.document_id not in offered, "huyện không thấy văn bản này")

    async def _unknown_recipient(self) -> None:
        alone = self._letter("V/v thử gửi nơi không tồn tại", None)
        body, _ = await self.commune.compose(alone, now=_now())
        await self.checks.refused(
            "recipient_unknown", lambda: self.commune.client.send(body), "chỉ có nơi nhận lạ"
        )
        mixed = Letter(
            number=self._next(),
            subject="V/v gửi một nơi có và một nơi không",
            paragraphs=_PARAGRAPHS,
            to=(self.district.unit, UNKNOWN_UNIT),
        )
        sent, _ = await self.commune.send(mixed, now=_now())
        results = {r["code"]: r["result"] for r in sent.receipt["recipients"]}
        self.checks.that(
            results == {self.district.unit.code: "routed", UNKNOWN_UNIT.code: "undeliverable"},
            "biên nhận nói rõ nơi nào chuyển được, nơi nào không",
        )
        evidence = await self.commune.client.evidence(sent.document_id)
        self.checks.that(
            [e["kind"] for e in evidence] == ["non_delivery"], "có chứng cứ không giao được, do trục ký"
        )
        received = await self._receive(self.district, sent.document_id)
        self.checks.that(received is not None, "nơi có trong danh bạ vẫn nhận được")

    async def _refusals(self) -> None:
        secret = self._letter("[MẬT] V/v thử dấu mật", self.district)
        body, _ = await self.commune.compose(secret, now=_now())
        await self.checks.refused(
            "secrecy_mark", lambda: self.commune.client.send(body), "văn bản mang dấu mật"
        )
        plain = self._letter("V/v mạo danh", self.district)
        forged, _ = await self.commune.compose(plain, now=_now())
        await self.checks.refused(
            "sender_not_allowed", lambda: self.department.client.send(forged), "gửi thay cơ quan khác"
        )
        await self.checks.refused(
            "not_xml", lambda: self.commune.client.send(b"khong phai XML"), "không phải XML"
        )
        doctype = b'<!DOCTYPE a [<!ENTITY x "y">]>' + body
        await self.checks.refused(
            "doctype_forbidden", lambda: self.commune.client.send(doctype), "có DOCTYPE"
        )

    async def _check_receipt(self, sent: Sent, body: bytes) -> None:
        keys = KeySet.import_key_set(await self.commune.client.keys())  # type: ignore[arg-type]
        sealed = jws.deserialize_compact(sent.jws, keys, algorithms=["ES256"])
        self.checks.that(sealed.payload in sent.raw, "biên nhận có chữ ký của trục, kiểm tra được")
        digest = hashlib.sha256(body).hexdigest()
        self.checks.that(sent.receipt["sha256"] == digest, "biên nhận ghi đúng mã băm của văn bản")

    async def _receive(self, dms: SimulatedDms, document_id: str) -> Received | None:
        ends = time.monotonic() + STEP_LIMIT_S
        while time.monotonic() < ends:
            for received in await dms.receive(wait=WAIT_S):
                if received.offer["document_id"] == document_id:
                    return received
        return None

    async def _until(self, dms: SimulatedDms, document_id: str, ready: Callable[[Json], bool]) -> Json:
        async with asyncio.timeout(STEP_LIMIT_S):
            while True:
                document = await dms.client.document(document_id)
                if ready(document):
                    return document
                await asyncio.sleep(0.1)

    def _letter(
        self, subject: str, to: SimulatedDms | None, *, priority: int = 0, reply_to: Json | None = None
    ) -> Letter:
        return Letter(
            number=self._next(),
            subject=subject,
            paragraphs=_PARAGRAPHS,
            to=(UNKNOWN_UNIT if to is None else to.unit,),
            priority=priority,
            reply_to=reply_to,
        )

    def _needed(self, found: T | None) -> T:
        if found is None:
            raise StepImpossible
        return found

    def _next(self) -> int:
        self._number += 1
        return self._number


_PARAGRAPHS: Final = (
    "Thực hiện chỉ đạo của Ủy ban nhân dân tỉnh về gửi, nhận văn bản điện tử, đơn vị báo cáo như sau.",
    "Trong kỳ, toàn bộ văn bản đi được ký số và gửi qua trục liên thông; không phát sinh văn bản giấy.",
    "Kính đề nghị quý cơ quan xem xét, cho ý kiến.",
)


def _now() -> datetime:
    return datetime.now(UTC)


def _tampered(pdf: bytes) -> bytes:
    """Return a signed PDF with one byte of its signed content changed."""
    place = pdf.index(b"stream", len(pdf) // 20) + 40
    return pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :]
