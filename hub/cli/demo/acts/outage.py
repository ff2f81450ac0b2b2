"""A system that is pushed to goes away amid a document and comes back: nothing is lost, nothing doubled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Final

from adapters.simulator.client import Json
from adapters.simulator.webhook import WebhookDms
from adapters.webhook.kind import HMAC, WEBHOOK
from hub.cli.demo.acts.act import Act, Step, first_delivery, needed
from hub.cli.demo.cast import FINANCE
from hub.domain.retry import BreakerState

WHILE_AWAY: Final = 5
WAITED: Final = timedelta(hours=2)


class Outage(Act):
    """Webhook, breaker, and the same ids."""

    title: ClassVar[str] = "Phần mềm nhận bị ngắt rồi trở lại"
    _peer: WebhookDms | None = None
    _sent: dict[str, str]
    _bodies: dict[str, bytes]

    def steps(self) -> Sequence[Step]:
        """The steps."""
        return (
            ("Sở Tài chính nhận qua webhook: trục đẩy tới, có chữ ký HMAC", self._pushed),
            ("Sở Tài chính tắt máy giữa chừng; trục thử lại rồi tạm ngưng", self._away),
            ("Hai giờ sau máy chạy lại: giao hết, mỗi văn bản một lần", self._back),
        )

    async def perform(self, first: int) -> int:
        """Play the act; nothing is listening any more when it ends."""
        try:
            return await super().perform(first)
        finally:
            if self._peer is not None:
                await self._peer.stop()

    async def _pushed(self) -> None:
        adapters = self.stage.hub.pushing.adapters
        await adapters.configure(FINANCE.system, adapter=WEBHOOK, settings={"url": "https://a.invalid/"})
        peer = WebhookDms(await adapters.make_secret(FINANCE.system, HMAC))
        await adapters.configure(FINANCE.system, adapter=WEBHOOK, settings=peer.settings)
        await peer.start()
        self._peer = peer
        self._sent, self._bodies = {}, {}
        (delivery_id,) = await self._send("V/v dự toán quý I")
        await self.until(lambda: self._standing("confirmed", 1))
        self.checks.that(
            peer.kept == {delivery_id: self._bodies[delivery_id]},
            "Sở nhận đúng từng byte, chữ ký HMAC đúng, trục ghi “đã xác nhận”",
        )

    async def _away(self) -> None:
        peer = needed(self._peer)
        peer.die_in_the_next()
        await self._send("V/v dự toán quý II")
        await self.until(self._died)
        await peer.stop()
        await self._send(*(f"V/v đối chiếu số liệu lần {n}" for n in range(2, WHILE_AWAY + 1)))
        failures = await self.until(self._paused)
        self.checks.that(True, f"sau {failures} lần lỗi liên tiếp, trục tạm ngưng gọi Sở Tài chính")
        # On a busy machine the last are still being verified, or on an attempt, when the pause begins.
        await self.until(lambda: self._standing("queued", WHILE_AWAY))
        self.checks.that(True, f"{WHILE_AWAY} văn bản nằm chờ ở trục, không mất, không báo lỗi")

    async def _back(self) -> None:
        peer = needed(self._peer)
        await peer.start()
        await self.stage.clock.forward(WAITED)
        await self.until(lambda: self._standing("confirmed", 1 + WHILE_AWAY))
        self.checks.that(
            peer.kept == self._bodies, f"đủ {1 + WHILE_AWAY} văn bản, đúng mã lần giao, đúng từng byte"
        )
        twice = [delivery_id for delivery_id, times in peer.handed.items() if times > 1]
        self.checks.that(
            len(twice) == 1 and peer.handed[twice[0]] == 2,
            "văn bản bị ngắt giữa chừng được đẩy lại cùng mã: bên nhận biết là một",
        )
        self.checks.that(not peer.forged, "mọi lời gọi đều có chữ ký của trục")

    async def _send(self, *subjects: str) -> list[str]:
        letters = [self.letter(subject, FINANCE.unit) for subject in subjects]
        made = []
        for body in await self.written(self.commune, *letters):
            sent = await self.commune.client.send(body)
            document = await self.commune.client.document(sent.document_id)
            delivery_id = str(first_delivery(document)["delivery_id"])
            self._sent[delivery_id] = sent.document_id
            self._bodies[delivery_id] = body
            made.append(delivery_id)
        return made

    async def _documents(self) -> list[Json]:
        return [await self.commune.client.document(document_id) for document_id in self._sent.values()]

    async def _standing(self, state: str, wanted: int) -> bool | None:
        states = [first_delivery(d)["state"] for d in await self._documents()]
        return states.count(state) == wanted or None

    async def _died(self) -> bool | None:
        return needed(self._peer).died.is_set() or None

    async def _paused(self) -> int | None:
        for peer in await self.stage.hub.pushing.adapters.peers():
            if peer.name == FINANCE.system and peer.breaker.state is BreakerState.OPEN:
                return peer.breaker.failures
        return None
