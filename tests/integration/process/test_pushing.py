"""A node that pushes, as people run it: killed between a hand-over and its record, started again."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from hub.bootstrap import open_adapters
from hub.config import load_settings
from hub.domain.limits import WORKER_LEASE
from tests.integration.process.kit import RECIPIENT, SENDER, Letters, connected
from tests.support.process import Home, until

ONE_WORKER = {"LIENTHONG_VERIFY_WORKERS": "1"}
LOOPBACK = "127.0.0.1"


@dataclass
class Receiver:
    """A webhook that takes everything."""

    url: str = ""
    taken: list[tuple[str, str, str]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Note delivery, attempt and digest."""
        digest = hashlib.sha256(await request.read()).hexdigest()
        self.taken.append((request.headers["X-Delivery-Id"], request.headers["X-Attempt"], digest))
        return web.Response(status=204)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application(client_max_size=50_000_000)
    app.router.add_post("/", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0).start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def push_to(home: Home, receiver: Receiver) -> None:
    """Have the recipient's system pushed to."""
    async with open_adapters(load_settings(home=home.path, environment={})) as adapters:
        settings = {"url": receiver.url, "allow_http": LOOPBACK, "allow_networks": "127.0.0.0/8"}
        await adapters.configure(RECIPIENT.system, adapter="webhook", settings=settings)
        await adapters.make_secret(RECIPIENT.system, "hmac")


async def test_a_hub_killed_after_a_push_repeats_it_under_the_same_id_and_confirms_once(
    home: Home, letters: Letters
) -> None:
    body = letters.new()
    async with receiving() as receiver:
        await push_to(home, receiver)
        async with (
            home.serve(failpoint="after_handover_before_record", env=ONE_WORKER) as hub,
            connected(hub, home, SENDER) as (sender,),
        ):
            sent = await sender.send(body)
            assert await hub.program.ended() == -signal.SIGKILL
        assert len(receiver.taken) == 1

        async with home.serve(env=ONE_WORKER) as hub, connected(hub, home, SENDER) as (sender,):
            await home.move_clock(WORKER_LEASE.total_seconds() + 1)

            async def confirmed() -> bool | None:
                document = await sender.document(sent.document_id)
                return [d["state"] for d in document["deliveries"]] == ["confirmed"] or None

            await until(confirmed, within_s=60, what="confirmed")
            kinds = [event["kind"] for event in await sender.timeline(sent.document_id)]
            assert await hub.stopped() == 0
    digest = hashlib.sha256(body).hexdigest()
    (delivery_id,) = {taken[0] for taken in receiver.taken}
    assert receiver.taken == [(delivery_id, "1", digest), (delivery_id, "2", digest)]
    assert kinds.count("delivery_confirmed") == 1
