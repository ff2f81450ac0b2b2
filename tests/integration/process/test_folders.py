"""Sender and recipient know only folders; the hub is killed at each place on the way, and started again."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import orjson
import pytest

from tests.integration.process.kit import RECIPIENT, SENDER, Letters
from tests.support.dms_folder import FolderDms
from tests.support.process import Home, Hub, until

ON_THE_WAY = (
    "after_temp_write",
    "after_blob_fsync",
    "before_commit",
    "after_commit_before_answer",
    "after_handover_before_record",
    "after_confirm_before_answer",
)
QUICK = {"settle_s": "0", "poll_s": "1"}
LEASES_END_S = 120


async def let_both_have_folders(home: Home) -> None:
    async with home.database() as connection:
        for role in (SENDER, RECIPIENT):
            settings = orjson.dumps({"path": role.key, **QUICK}).decode()
            await connection.execute(
                "UPDATE system SET adapter = 'folder', adapter_settings = $2::jsonb WHERE name = $1",
                role.system,
                settings,
            )


def folders_of(home: Home, key: str) -> Path:
    return home.path / "folders" / key


async def play(hub: Hub, home: Home, dms: FolderDms, *, to_its_death: bool) -> None:
    """Take and confirm what arrives, until the hub has died or the delivery is confirmed."""

    async def look() -> bool | None:
        await asyncio.to_thread(dms.take)
        if to_its_death:
            return hub.program.returncode is not None or None
        async with home.database() as connection:
            states = await connection.fetch("SELECT state FROM delivery")
        return [row["state"] for row in states] == ["confirmed"] or None

    await until(look, within_s=60, what="the end of the way")


@pytest.mark.slow
@pytest.mark.parametrize("failpoint", ON_THE_WAY)
async def test_a_hub_killed_on_the_way_from_folder_to_folder_loses_nothing_and_delivers_once(
    failpoint: str, home: Home, letters: Letters
) -> None:
    body, dms = letters.new(), FolderDms(folders_of(home, RECIPIENT.key))
    out = folders_of(home, SENDER.key) / SENDER.unit.code / "out"

    async def ready() -> bool | None:
        return out.is_dir() or None

    async with home.serve(failpoint=failpoint) as hub:
        await let_both_have_folders(home)
        await until(ready, within_s=30, what="the folders")
        (out / "vb.edxml.part").write_bytes(body)
        (out / "vb.edxml.part").rename(out / "vb.edxml")
        await play(hub, home, dms, to_its_death=True)
        assert await hub.program.ended() == -signal.SIGKILL
    async with home.serve() as hub:
        await home.move_clock(LEASES_END_S)
        await play(hub, home, dms, to_its_death=False)

        async def put_away() -> bool | None:
            done = out.parent / "done" / "vb.edxml"
            receipt = out.parent / "receipts" / "vb.edxml.receipt.json"
            clear = not any(dms.root.glob("*/in/*")) and not any(out.iterdir())
            return (done.exists() and receipt.exists() and clear) or None

        await until(put_away, within_s=30, what="receipt, and empty folders")
        async with home.database() as connection:
            assert await connection.fetchval("SELECT count(*) FROM document") == 1
            confirmed = "SELECT count(*) FROM event WHERE kind = 'delivery_confirmed'"
            assert await connection.fetchval(confirmed) == 1
        assert {seen.body for seen in dms.seen} == {body}
        assert len({seen.delivery_id for seen in dms.seen}) == 1
        assert await hub.stopped() == 0
