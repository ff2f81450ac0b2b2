from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from hub.observability import logging as hub_logging


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def stream() -> io.StringIO:
    out = io.StringIO()
    hub_logging.configure(form="json", stream=out)
    return out


def test_an_event_is_one_json_line_with_level_and_utc_time(stream: io.StringIO) -> None:
    structlog.get_logger().info("document_accepted", document_id="d1")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["document_id"]) == ("document_accepted", "info", "d1")
    assert str(line["timestamp"]).endswith("Z")


def test_bound_ids_are_on_each_line(stream: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(trace_id="t1"):
        structlog.get_logger().warning("a")
    structlog.get_logger().warning("b")
    assert [line.get("trace_id") for line in lines(stream)] == ["t1", None]


def test_what_is_below_the_level_is_not_written(stream: io.StringIO) -> None:
    structlog.get_logger().debug("a")
    assert stream.getvalue() == ""


def test_a_traceback_is_in_the_line_and_cleaned(stream: io.StringIO) -> None:
    error = OSError("postgresql://u:pw@h")
    structlog.get_logger().error("call_failed", exc_info=error)
    (line,) = lines(stream)
    assert "OSError" in str(line["exception"])
    assert "pw" not in str(line["exception"])


def test_a_library_speaks_in_the_same_form(stream: io.StringIO) -> None:
    logging.getLogger("some.library").warning("lost %s", "amqp://u:pw@h")
    logging.getLogger("some.library").info("chatter")
    (line,) = lines(stream)
    assert (line["event"], line["logger"]) == ("library_message", "some.library")
    assert "pw" not in str(line["message"])


def test_a_librarys_warning_names_its_error_and_an_error_shows_where_it_was_raised(
    stream: io.StringIO,
) -> None:
    error = ConnectionRefusedError("nobody at postgresql://u:pw@h")
    for level in ("warning", "error"):
        getattr(logging.getLogger("some.library"), level)("retrying", exc_info=error)
    warned, failed = lines(stream)
    assert str(warned["error"]).startswith("ConnectionRefusedError: nobody at")
    assert "exception" not in warned
    assert "ConnectionRefusedError" in str(failed["exception"])
    assert "pw" not in str(warned) + str(failed)


def test_a_terminal_gets_text_for_people() -> None:
    out = io.StringIO()
    hub_logging.configure(form="console", stream=out)
    structlog.get_logger().info("hub_ready", url="http://x")
    assert "hub_ready" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_an_unwritable_value_does_not_lose_the_event(stream: io.StringIO) -> None:
    structlog.get_logger().info("odd", number=2**70, text="\ud800")
    assert stream.getvalue().count("\n") == 1


class _Gone(io.TextIOWrapper):
    """A stream whose reader has gone, or whose disk is full."""

    def __init__(self, error: Exception) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")
        self._error = error

    def write(self, text: str) -> int:
        raise self._error

    def flush(self) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error", [BrokenPipeError(32, "Broken pipe"), OSError(28, "No space"), ValueError("closed")], ids=str
)
def test_a_line_that_cannot_be_written_stops_nobody(error: Exception) -> None:
    out = _Gone(error)
    hub_logging.configure(form="console", stream=out)
    structlog.get_logger().error("loop_failed")
    logging.getLogger("library").warning("said")


def test_a_line_that_a_raw_stream_does_not_take_stops_nobody() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    hub_logging.configure(form="json", stream=out)
    out.close()
    structlog.get_logger().error("loop_failed")
    logging.getLogger("library").warning("said")
