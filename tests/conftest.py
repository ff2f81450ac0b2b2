"""What every test gets: a clean environment, no network in unit tests, a real PostgreSQL where it asks."""

from __future__ import annotations

import asyncio
import os

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.support.hub",
    "tests.support.left_out",
    "tests.support.postgres",
    "tests.support.rabbit",
    "tests.support.s3",
    "tests.support.sockets",
]

# Settings of the person who runs the tests must not be settings of the hubs under test.
for _name in [name for name in os.environ if name.startswith("LIENTHONG_")]:
    if _name != "LIENTHONG_SHARED" and not _name.startswith("LIENTHONG_TEST_"):
        del os.environ[_name]

# No deadlines: a busy machine is not a bug. On CI the same examples every time; at the desk new ones.
settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("desk"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")

# Without this the first asynchronous test makes pytest-asyncio ask for "the current loop", which makes one
# that nobody closes; its ResourceWarning would fail whatever test the garbage collector happens to run in.
asyncio.set_event_loop(None)
