"""Where the operations hang, and what a head that cannot be read is told there."""

from __future__ import annotations

import json

import pytest

from adapters.vxp.server import Paths

PATHS = Paths("/vxp")


@pytest.mark.parametrize(
    "path",
    [
        "/vxp/getEdoc",
        "//vxp//getEdoc",
        "/vxp/getEdoc/?a=1",
        "/getEdoc",
        "http://hub.example/vxp/getEdoc",
        "HTTP://hub.example//getEdoc",
        "/XrdAdapter/RestService/forward//getEdoc",
        "/vxp",
        "/vxp/nothing",
    ],
)
def test_a_head_on_one_of_our_paths_is_told_in_json(path: str) -> None:
    answer = PATHS.answer(path, 400)
    assert answer is not None
    assert json.loads(answer.body)["ErrorCode"] == "15"


@pytest.mark.parametrize("path", [None, "", "/", "/api/v1/inbox", "/vxpx/getEdoc", "/a/getEdoc", "/vx"])
def test_other_paths_are_not_ours(path: str | None) -> None:
    assert PATHS.answer(path, 400) is None


@pytest.mark.parametrize(
    ("status", "code"), [(400, "15"), (431, "15"), (408, "20"), (500, "20"), (503, "20")]
)
def test_only_a_head_that_says_too_much_or_nonsense_is_a_question_of_secrets(status: int, code: str) -> None:
    for name in ("getReceivedEdocList", "sendEdoc"):
        answer = PATHS.answer(f"/vxp/{name}", status)
        assert answer is not None
        said = json.loads(answer.body)
        assert (answer.status, said["ErrorCode"]) == (status, code)
        assert said.get("DocId") == ("0" if name == "sendEdoc" else None)
    download = PATHS.answer("/vxp/downloadEdoc", status)
    assert download is not None
    assert (download.body, dict(download.headers)["XroadVnpt-ErrorCode"]) == (b"", code)
