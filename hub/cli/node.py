"""`lienthong serve | migrate`: a node and its database."""

from __future__ import annotations

import asyncio
import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvloop

from hub.bootstrap import open_hub, serve_until
from hub.bootstrap.processes import ProcessFailed, serve_processes
from hub.cli.options import ConfigOption, HomeOption
from hub.config import Settings, load_settings
from hub.embedded.postgres import EmbeddedPostgres
from hub.observability import logging
from hub.storage.migrate import migrate

PortOption = Annotated[int | None, typer.Option("--port", help="Cổng HTTP (LIENTHONG_HTTP_PORT).")]


class Phase(StrEnum):
    """How far a migration goes."""

    PRE = "pre"
    POST = "post"


log = structlog.get_logger(__name__)


def serve(
    home: HomeOption = None,
    port: PortOption = None,
    host: Annotated[str | None, typer.Option("--host", help="Địa chỉ lắng nghe.")] = None,
    config: ConfigOption = None,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, max=64, help="Số tiến trình (LIENTHONG_PROCESSES).")
    ] = None,
) -> None:
    """Chạy một nút của trục cho tới khi nhận SIGTERM hoặc Ctrl-C (run a node)."""
    settings = load_settings(config=config, home=home, http_port=port, http_host=host, processes=processes)
    logging.configure(level=settings.log_level, form=settings.log_format)
    failed = False
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_serve(settings, config))
        except* ProcessFailed:
            failed = True
    if failed:
        # The process has said why on standard error.
        raise typer.Exit(1)


async def _serve(settings: Settings, config: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # A hang-up ends the node in order; where TLS is served, it renews the certificates instead.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if settings.failpoint is not None:
        log.warning("failpoint_armed", failpoint=settings.failpoint)

    def ready(url: str) -> None:
        log.info("listening", url=url)

    if settings.processes > 1:
        await serve_processes(settings, stop, config=config, on_ready=ready)
    else:
        async with open_hub(settings) as hub:
            await serve_until(hub, stop, on_ready=ready)
    log.info("stopped")


def migrate_database(
    home: HomeOption = None,
    config: ConfigOption = None,
    through: Annotated[
        Phase, typer.Option("--through", help="pre: chừa các bước chỉ chạy khi không còn nút cũ.")
    ] = Phase.POST,
) -> None:
    """Nâng cấp lược đồ cơ sở dữ liệu (bring the database to this version's schema)."""
    settings = load_settings(config=config, home=home)
    logging.configure(level="warning", form=settings.log_format)
    applied = asyncio.run(_migrate(settings, through))
    for name in applied:
        print(f"đã áp dụng / applied: {name}")
    if not applied:
        print("Lược đồ đã mới nhất / the schema is up to date")


async def _migrate(settings: Settings, through: Phase) -> list[str]:
    if settings.database_url is not None:
        return [
            m.name for m in await migrate(settings.database_url.get_secret_value(), through=through.value)
        ]
    async with EmbeddedPostgres.borrow(settings.home) as dsn:
        return [m.name for m in await migrate(dsn, through=through.value)]
