"""`lienthong sandbox`: echo recipients for vendors, beside a hub that runs."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Final

import typer

from hub.bootstrap import open_registry
from hub.bootstrap.sandbox import echo, register_sandbox, sandbox_roles
from hub.cli.options import ConfigOption, HomeOption
from hub.cli.usage import Misuse
from hub.config import Settings, load_settings
from hub.observability import logging

_URL: Final = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[^\s/:?#\[\]]+)(:\d{1,5})?/?")


def url_of(text: str) -> str:
    """Return the address of a hub; raises Misuse: an echo recipient would ask nobody for ever."""
    if not _URL.fullmatch(text):
        raise Misuse("địa chỉ phải có dạng http://máy:cổng", "an address is http://host:port")
    return text.rstrip("/")


HubOption = Annotated[
    str | None,
    typer.Option("--hub", parser=url_of, metavar="URL", help="Địa chỉ của trục (mặc định: cấu hình)."),
]


def sandbox(home: HomeOption = None, config: ConfigOption = None, hub: HubOption = None) -> None:
    """Chạy các đơn vị thử nghiệm tự trả lời, cho tới Ctrl-C (run echo recipients for vendors)."""
    settings = load_settings(config=config, home=home)
    logging.configure(level="warning", form=settings.log_format)
    asyncio.run(_run(settings, hub or address(settings)))


def address(settings: Settings) -> str:
    """Return where the hub of these settings answers."""
    return settings.public_url or f"http://{settings.http_host}:{settings.http_port}"


async def _run(settings: Settings, url: str) -> None:
    async with open_registry(settings) as registry:
        keys = await register_sandbox(registry, settings)
    for role in sandbox_roles(settings):
        codes = " / ".join(filter(None, (role.code, role.other_code)))
        print(f"{role.behaviour.value:<8} {codes:<28} {role.name}")
    await echo(url, settings, keys)
