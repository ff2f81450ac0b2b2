"""One process of several: `python -m hub.cli.child LISTENING CONTROL FOLDER NUMBER COUNT`, started by
`serve --processes`.

It accepts from the listening socket that it inherits and serves until it is told to stop, or until the other
end of its control socket is closed: then its parent is gone.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

import structlog
import uvloop

from hub.bootstrap import open_hub, serve_until
from hub.bootstrap.processes import READY, beside_others
from hub.cli.errors import explain
from hub.config import Settings, load_settings
from hub.observability import logging
from hub.observability.siblings import Place

log = structlog.get_logger(__name__)


def main() -> None:
    """Serve; what a person can mend becomes a sentence and exit code 1."""
    listening, control = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    try:
        place = Place(folder=Path(sys.argv[3]), number=int(sys.argv[4]), count=int(sys.argv[5]))
        settings = load_settings()
        logging.configure(level=settings.log_level, form=settings.log_format)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, listening, control, place))
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        print(told, file=sys.stderr)
        sys.exit(1)


async def _serve(settings: Settings, listening: socket.socket, control: socket.socket, place: Place) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # What a hang-up means is the parent's to say; with TLS it is heard where the certificates are.
    loop.add_signal_handler(signal.SIGHUP, _nothing)
    control.setblocking(False)

    def heard() -> None:
        # The parent never writes: whatever is heard is its end, and would be heard again and again.
        loop.remove_reader(control)
        stop.set()

    loop.add_reader(control, heard)

    def ready(url: str) -> None:
        log.info("node_listening", url=url, node=settings.node_name)
        control.send(READY)

    try:
        async with open_hub(settings) as hub, beside_others(hub, place):
            await serve_until(hub, stop, on_ready=ready, listening=listening)
    finally:
        loop.remove_reader(control)
    log.info("node_stopped", node=settings.node_name)


def _nothing() -> None:
    return


if __name__ == "__main__":
    main()
