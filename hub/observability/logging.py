"""Logs are events: a name in snake_case, bound ids, never a payload (`redaction`).

One line per event on standard error: JSON for machines, aligned and coloured on a terminal. What libraries
say through the standard `logging` comes out in the same form as `library_message`, from WARNING up, so one
collector reads one format. Ids bound with `structlog.contextvars` (trace_id, document_id …) are on each line.

A line that cannot be written (the collector has gone, its disk is full) is lost: whoever tells something is
in the middle of work that must not stop for it.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import BinaryIO, Final, Literal, TextIO

import orjson
import structlog
from structlog.typing import Processor

from hub.observability.redaction import redact

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "console", "json"]

# Each request and each attempt to connect is told once by the hub itself; these would tell it again.
QUIET: Final = {
    "aiohttp.access": logging.ERROR,
    "aiormq": logging.ERROR,
    "aiormq.connection": logging.CRITICAL,
    "pyhanko": logging.ERROR,
}
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


_level = logging.DEBUG


def is_told(level: int) -> bool:
    """Whether events of a level (of `logging`) are written at all: cheap enough to ask with every call."""
    return level >= _level


def configure(*, level: LogLevel = "info", form: LogFormat = "auto", stream: TextIO | None = None) -> None:
    """Set up logging of the process; later calls replace earlier ones."""
    global _level  # noqa: PLW0603 (as the configuration of structlog is the process's own)
    _level = _LEVELS[level]
    out = sys.stderr if stream is None else stream
    as_json = form == "json" or (form == "auto" and not out.isatty())
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    factory: Callable[..., structlog.typing.WrappedLogger]
    if as_json:
        binary: BinaryIO | None = getattr(out, "buffer", None)
        last: Processor = _to_json_bytes if binary is not None else _to_json_text
        factory = (
            structlog.BytesLoggerFactory(binary) if binary is not None else structlog.WriteLoggerFactory(out)
        )
    else:
        last = structlog.dev.ConsoleRenderer(colors=out.isatty(), sort_keys=False)
        factory = structlog.WriteLoggerFactory(out)
    structlog.configure(
        processors=[*common, last],
        wrapper_class=structlog.make_filtering_bound_logger(_level),
        logger_factory=lambda *_: _Enduring(factory()),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge()]
    root.setLevel(max(_LEVELS[level], logging.WARNING))
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(quiet)


class _Enduring:
    """Hands lines to a logger of structlog's, which raises what its stream raises."""

    def __init__(self, logger: structlog.typing.WrappedLogger) -> None:
        self._logger = logger

    def msg(self, line: str | bytes) -> None:
        with suppress(OSError, ValueError):  # ValueError: the stream is closed
            self._logger.msg(line)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


class _Bridge(logging.Handler):
    """Makes an event of what a library says.

    A warning names what happened; where in the library it was raised is of use to nobody, and comes by the
    hundred while a server is away. An error keeps its traceback.
    """

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        told: dict[str, object] = {"logger": record.name, "message": record.getMessage()}
        if error is not None:
            warned = record.levelno < logging.ERROR
            told |= {"error": f"{type(error).__name__}: {error}"} if warned else {"exc_info": error}
        structlog.get_logger().log(record.levelno, "library_message", **told)


def _to_json_bytes(_: object, __: str, event: MutableMapping[str, object]) -> bytes:
    try:
        return orjson.dumps(dict(event), default=str)
    except TypeError:  # a lone surrogate, an integer beyond 64 bits: told in the slower way, never lost
        return json.dumps(dict(event), default=str).encode()


def _to_json_text(logger: object, name: str, event: MutableMapping[str, object]) -> str:
    return _to_json_bytes(logger, name, event).decode()
