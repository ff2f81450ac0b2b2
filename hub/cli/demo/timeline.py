"""The live timeline: the hub's own events, in the words of the people who follow documents."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import aiohttp

from adapters.simulator.client import HubClient, Json, Problem

VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")
LOOK_EVERY_S: Final = 0.25

WORDS: Final[Mapping[str, str]] = {
    "document_accepted": "trục nhận văn bản, cấp biên nhận",
    "status_accepted": "trục nhận gói trạng thái {status_code}",
    "recipient_undeliverable": "không gửi được tới {code}: {reason}",
    "verification_finished": "kiểm tra chữ ký: {verdict}",
    "verification_changed": "kiểm tra lại chữ ký: nay là {verdict}",
    "delivery_queued": "chờ nơi nhận lấy ({decision})",
    "delivery_held": "giữ lại chờ người quyết định: {reason}",
    "delivery_refused": "từ chối chuyển: {reason}",
    "delivery_leased": "nơi nhận giữ để tải (lần {lease_token})",
    "delivery_handed_over": "đã trao nội dung",
    "delivery_confirmed": "nơi nhận xác nhận đã nhận",
    "delivery_confirmed_late": "nơi nhận xác nhận muộn",
    "delivery_replayed": "nơi nhận lấy lại nội dung đã nhận",
    "delivery_rejected": "nơi nhận trả lại",
    "delivery_undeliverable": "hết hạn giao: lập chứng cứ không giao được",
    "delivery_added": "thêm nơi nhận (gói sau của trục quốc gia)",
    "delivery_fetched_outside": "nơi nhận ngoài tỉnh đã lấy",
    "delivery_failed_outside": "nơi nhận ngoài tỉnh báo lỗi",
    "lease_expired": "hết giờ giữ, chờ lấy lại",
    "status_applied": "trạng thái xử lý: {business_state}",
    "status_repeated": "trạng thái nhắc lại: {business_state}",
    "status_illegal": "trạng thái không hợp lệ, chỉ ghi nhận",
    "status_regression": "trạng thái đến muộn, chỉ ghi nhận",
    "status_parked": "gói trạng thái chờ văn bản gốc",
    "delivery_released": "văn thư cho chuyển",
    "delivery_withdrawn": "rút lại trước khi giao: lập chứng cứ chưa gửi nội dung",
    "delivery_redirected": "chuyển sang {to_unit}: lập chứng cứ",
    "delivery_attempt_failed": "giao chưa được (lần {attempt}): {problem}",
    "deadline_alerted": "quá giờ báo động, báo nơi gửi",
    "peer_paused": "phần mềm nhận không trả lời: tạm ngưng đến {until}",
    "peer_resumed": "phần mềm nhận trả lời lại: giao tiếp những gì còn chờ",
    "change_requested": "yêu cầu với văn bản cũ: {business_state}",
    "document_versioned": "phiên bản {version_no} của văn bản",
    "document_relayed": "đã chuyển ra trục quốc gia",
}


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def line(event: Json) -> str:
    """Return one event as a line for people."""
    at = datetime.fromisoformat(event["at"]).astimezone(VIETNAM)
    words = WORDS.get(event["kind"], event["kind"]).format_map(_Facts(event["data"]))
    return f"{at:%H:%M:%S}  {event['document_id'][-6:]}  {event['unit'] or '':<14} {words}"


class LiveTimeline:
    """Prints the events of all simulated systems, each once, as they are numbered."""

    def __init__(self, clients: Iterable[HubClient]) -> None:
        self._cursors = dict.fromkeys(clients, 0)
        self._seen: set[str] = set()

    async def skip_past(self) -> None:
        """Leave out what earlier runs have printed."""
        while await self._look():
            pass

    async def run(self) -> None:
        """Print until cancelled."""
        while True:
            with suppress(aiohttp.ClientError, Problem, TimeoutError):
                for event in await self._look():
                    print(line(event), flush=True)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> list[Json]:
        # Sender and recipient both see an event: once is enough, in the order of the log.
        fresh: dict[str, Json] = {}
        for client in self._cursors:
            events, self._cursors[client] = await client.events(self._cursors[client])
            fresh |= {e["event_id"]: e for e in events if e["event_id"] not in self._seen}
        self._seen |= fresh.keys()
        return sorted(fresh.values(), key=lambda event: int(event["seq"]))
