"""A commune's letter goes to the district, the district writes to a department, an answer comes back.

Every step checks what a sceptic would: that the receipt's seal holds, that the recipient got the very bytes
that were sent, that nothing came twice.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import ClassVar

from joserfc import jws
from joserfc.jwk import KeySet

from adapters.simulator.client import Json, Sent
from hub.cli.demo.acts.act import QUIET_WAIT_S, STEP_LIMIT_S, WAIT_S, Act, Step, first_delivery, needed, now


class Correspondence(Act):
    """The daily business: send, receive, report, answer."""

    title: ClassVar[str] = "Gửi, nhận, báo trạng thái, trả lời"
    # What later steps go back to: the first letter as sent, and the one forwarded.
    _first: tuple[Sent, bytes] | None = None
    _forwarded: Json | None = None

    def steps(self) -> Sequence[Step]:
        """The steps."""
        return (
            ("Xã gửi báo cáo có ký số cho huyện; trục kiểm tra và chuyển", self._send_and_deliver),
            ("Huyện báo trạng thái 01, 03, 06; xã nhận được", self._statuses),
            ("Xã gửi lại đúng văn bản đó, rồi gửi văn bản khác cùng số", self._duplicate),
            ("Huyện chuyển tiếp lên Sở Nội vụ (khẩn); Sở tiếp nhận", self._district_to_department),
            ("Sở trả lời huyện; huyện nhận cả trạng thái và văn bản trả lời", self._reply),
        )

    async def _send_and_deliver(self) -> None:
        letter = self.letter("V/v báo cáo tình hình chuyển đổi số quý IV", self.district.unit)
        sent, body = await self.commune.send(letter, now=now())
        await self._check_receipt(sent, body)
        received = await self.receive_document(self.district, sent.document_id)
        self.checks.that(True, "huyện nhận được văn bản")
        self.checks.that(received.fetched.body == body, "nội dung nhận được đúng từng byte đã gửi")
        reports = await self.commune.client.signatures(sent.document_id)
        signatures = [s for r in reports["reports"] for s in r["report"]["signatures"]]
        passed = [s for s in signatures if s["indication"] == "TOTAL-PASSED"]
        self.checks.that(
            len(signatures) == 2 and len(passed) == 2, "chữ ký của lãnh đạo và dấu cơ quan đều hợp lệ"
        )
        state = first_delivery(await self.commune.client.document(sent.document_id))
        self.checks.that(state["state"] == "confirmed", "nơi gửi thấy trạng thái “đã xác nhận”")
        self._first = (sent, body)

    async def _statuses(self) -> None:
        sent, _ = needed(self._first)
        said = ["01", "03", "06"]
        for code in said:
            await self.district.client.status(sent.document_id, code, at=now(), staff="Văn thư huyện")
        got: list[str] = []
        ends = time.monotonic() + STEP_LIMIT_S
        while len(got) < len(said) and time.monotonic() < ends:
            arrived = await self.commune.receive(wait=WAIT_S)
            got += [r.offer["status_code"] for r in arrived if r.offer["kind"] == "status"]
        self.checks.that(got == said, f"xã nhận trạng thái theo thứ tự: {', '.join(got) or 'không có'}")
        document = await self.commune.client.document(sent.document_id)
        self.checks.that(
            first_delivery(document)["business_state"] == "finished", "văn bản ở trạng thái “hoàn thành”"
        )

    async def _duplicate(self) -> None:
        sent, body = needed(self._first)
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
        letter = self.letter("V/v xin ý kiến về kiện toàn tổ chức bộ máy", self.department.unit, priority=1)
        sent, body = await self.district.send(letter, now=now())
        received = await self.receive_document(self.department, sent.document_id)
        self.checks.that(received.fetched.body == body, "Sở nhận đúng văn bản")
        self.checks.that(bool(received.offer["urgent"]), "văn bản khẩn đi làn khẩn")
        for code in ("01", "03", "05"):
            await self.department.client.status(sent.document_id, code, at=now())
        self._forwarded = received.offer

    async def _reply(self) -> None:
        offer = needed(self._forwarded)
        letter = self.letter("V/v trả lời về kiện toàn tổ chức bộ máy", self.district.unit, reply_to=offer)
        sent, _ = await self.department.send(letter, now=now())
        await self.department.client.status(offer["document_id"], "06", at=now())
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
            first_delivery(document)["business_state"] == "finished", "văn bản gửi Sở đã hoàn thành"
        )

    async def _check_receipt(self, sent: Sent, body: bytes) -> None:
        keys = KeySet.import_key_set(await self.commune.client.keys())  # type: ignore[arg-type]
        sealed = jws.deserialize_compact(sent.jws, keys, algorithms=["ES256"])
        self.checks.that(sealed.payload in sent.raw, "biên nhận có chữ ký của trục, kiểm tra được")
        digest = hashlib.sha256(body).hexdigest()
        self.checks.that(sent.receipt["sha256"] == digest, "biên nhận ghi đúng mã băm của văn bản")
