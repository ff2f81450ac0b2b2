"""Memory does not grow with the document (design invariant 9)."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from hub.domain.limits import MIB
from tests.integration.process.kit import PIECE, RECIPIENT, SENDER, Letters, bearer, connected, with_noise
from tests.support.process import Home, memory, reset_high_water_mark, until

PIECES = 1_018
ATTACHMENT = PIECE * PIECES
GROWTH_MAX = 100 * MIB


# A blank line before the prolog is mended: the recipient gets a strict rendition.
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("junk", "rendition"), [(b"", "original"), (b"\n\n", "strict")])
async def test_fifty_megabytes_reach_their_recipient_in_constant_memory(
    home: Home, letters: Letters, record_property: Callable[[str, object], None], junk: bytes, rendition: str
) -> None:
    message, sent = junk + letters.new(), hashlib.sha256()

    async def body() -> AsyncIterator[bytes]:
        for piece in with_noise(message, PIECES):
            sent.update(piece)
            yield piece

    async with home.serve() as hub, connected(hub, home, RECIPIENT) as [recipient]:
        pid, workers = hub.program.pid, hub.program.children()
        idle = memory(pid, "VmRSS")
        for each in (pid, *workers):
            reset_high_water_mark(each)
        async with aiohttp.ClientSession(hub.url, timeout=aiohttp.ClientTimeout(total=120)) as session:
            headers = {**bearer(home, SENDER), "Content-Type": "application/xml"}
            async with session.post("/api/v1/documents", data=body(), headers=headers) as answer:
                assert answer.status == 201, await answer.text()
                receipt = (await answer.json())["receipt"]
            after_intake = memory(pid, "VmHWM") - idle
            assert receipt["sha256"] == sent.hexdigest()
            assert receipt["size"] > ATTACHMENT * 4 // 3

            async def offered() -> str | None:
                offers = await recipient.inbox(wait=20)
                return str(offers[0]["delivery_id"]) if offers else None

            delivery = await until(offered, within_s=90, what="offered to the recipient")
            base = f"/api/v1/inbox/{delivery}"
            async with session.post(f"{base}/lease", json={}, headers=bearer(home, RECIPIENT)) as answer:
                lease = await answer.json()
            got = hashlib.sha256()
            async with session.get(lease["content_url"], headers=bearer(home, RECIPIENT)) as answer:
                assert answer.headers["X-Rendition"] == rendition
                assert answer.headers["X-Original-SHA256"] == sent.hexdigest()
                async for piece in answer.content.iter_chunked(65_536):
                    got.update(piece)
                assert got.hexdigest() == answer.headers["X-Content-SHA256"]
            assert (got.hexdigest() == sent.hexdigest()) == (rendition == "original")
            token = {"lease_token": lease["lease_token"]}
            async with session.post(f"{base}/confirm", json=token, headers=bearer(home, RECIPIENT)) as answer:
                assert (await answer.json())["state"] == "confirmed"
        growth = memory(pid, "VmHWM") - idle
        worker_peaks = [memory(each, "VmHWM") for each in workers if each in hub.program.children()]
    figures = {
        "idle": idle,
        "intake": after_intake,
        "growth": growth,
        "workers": max(worker_peaks, default=0),
    }
    for name, size in figures.items():
        record_property(f"{name}_mib", round(size / MIB, 1))
    print({name: f"{size / MIB:.1f} MiB" for name, size in figures.items()})
    assert growth <= GROWTH_MAX
