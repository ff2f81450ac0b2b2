from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.dms_folder import PATIENCE_S, QUICK, Desk, desk_of
from tests.support.hub import A, HubUnderTest, Peer
from tests.support.sftp_server import USER, SftpServer


@pytest.fixture(params=["folder", "sftp"])
async def desk(
    request: pytest.FixtureRequest, hub: HubUnderTest, b: Peer, tmp_path: Path
) -> AsyncIterator[Desk]:
    """The DMS of A, which knows only folders; B fetches."""
    a = await hub.system("DMS A", A)
    adapters = hub.pushing.adapters
    more = {"patience_s": str(PATIENCE_S), **QUICK}
    if request.param == "folder":
        await adapters.configure("DMS A", adapter="folder", settings={"path": "dms-a", **more})
        yield await desk_of(hub, tmp_path / "folders" / "dms-a", a)
        return
    (tmp_path / "server").mkdir()
    server = SftpServer(tmp_path / "server")
    await server.start()
    settings = {"host": "127.0.0.1", "port": str(server.port), "user": USER, "path": "dms-a"}
    await adapters.configure(
        "DMS A", adapter="sftp", settings={**settings, "host_keys": server.host_keys, **more}
    )
    await adapters.put_secret("DMS A", "password", server.password.encode())
    yield await desk_of(hub, server.root / "dms-a", a, server)
    await hub.pushing.exits.close()
    await server.stop()
