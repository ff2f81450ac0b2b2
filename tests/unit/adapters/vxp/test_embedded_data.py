"""The document inside getEdoc's JSON, decoded while it arrives."""

from __future__ import annotations

import base64
import json

import pytest

from adapters.vxp.embedded_data import AROUND_MOST, EmbeddedData

DOCUMENT = bytes(range(256)) * 7
ANSWER = {"status": "OK", "ErrorCode": "0", "ErrorDesc": "Thanh cong"}


def decoded(answer: bytes, step: int) -> tuple[bytes, bytes, bool]:
    """Feed an answer in pieces; what came out, what is around it, whether it was complete."""
    data = EmbeddedData()
    out = b"".join(data.feed(answer[i : i + step]) for i in range(0, len(answer), step))
    return out, data.rest(), data.complete


def answer_with(text: str) -> bytes:
    return json.dumps(ANSWER | {"data": text, "more": 1}).encode()


@pytest.mark.parametrize("step", [1, 3, 64, 100_000])
def test_the_document_comes_out_whatever_the_pieces(step: int) -> None:
    out, rest, complete = decoded(answer_with(base64.b64encode(DOCUMENT).decode()), step)
    assert (out, complete) == (DOCUMENT, True)
    assert json.loads(rest) == ANSWER | {"data": "", "more": 1}


@pytest.mark.parametrize("step", [1, 5, 100_000])
def test_escaped_slashes_and_line_ends_in_the_base64_are_read(step: int) -> None:
    encoded = base64.encodebytes(DOCUMENT).decode().replace("\n", "\r\n")
    text = answer_with(encoded).replace(b"/", b"\\/")
    assert decoded(text, step)[0] == DOCUMENT


@pytest.mark.parametrize("text", [b'{"status":"FAIL"}', b"<html>", b'{"data":null}'])
def test_an_answer_without_data_is_left_whole(text: bytes) -> None:
    assert decoded(text, 4) == (b"", text, False)


def test_data_that_breaks_off_is_not_complete() -> None:
    assert not decoded(answer_with(base64.b64encode(DOCUMENT).decode())[:500], 100)[2]


@pytest.mark.parametrize("text", ["%%%%", "QUJD!", "QUJ"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        decoded(answer_with(text), 100)


@pytest.mark.parametrize("text", [b" " * (AROUND_MOST + 1), b'{"data":"QUJD","x":"' + b"y" * AROUND_MOST])
def test_too_much_around_the_data_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="around"):
        decoded(text, 10_000)
