"""The samples of other people, read in place: each gets its documented verdict."""

from __future__ import annotations

import pytest

from schemas.edxml.xsd import check_written
from schemas.issues import EdxmlRefused
from tests.support.shared import shared_files, shared_folder
from tests.unit.schemas.kit import Bench

pytestmark = pytest.mark.shared_material

FILES = [path.name for path in shared_files("samples", "edxml", pattern="*.edxml")] or ["no samples here"]
REFUSED = {
    # Unbound xlink would be repaired, but the content is an unfilled template, not base64.
    "sdk__edoc.edxml": "base64_invalid",
    "sdk__1760427207626_b.txt.edxml": "attachment_shape_unknown",
    "sdk__test_edxml_with_content.edxml": "archive_unsafe",
}
REPAIRED = {
    "sdk__edoc_new.edxml": "junk_trimmed",
    "sdk__874e0f18-90dc-45fb-989a-65401470ba84.edxml": "content_type_mismatch",
}


def sample(name: str) -> bytes:
    return (shared_folder("samples", "edxml") / name).read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_a_sample_gets_its_documented_verdict(bench: Bench, name: str) -> None:
    if name in REFUSED:
        with pytest.raises(EdxmlRefused) as caught:
            bench.read(sample(name))
        assert caught.value.code == REFUSED[name]
        return
    result = bench.read(sample(name))
    assert result.needs_repair == (name in REPAIRED)
    if name in REPAIRED:
        assert REPAIRED[name] in [each.code for each in result.warnings]


@pytest.mark.parametrize("name", [name for name in FILES if name not in REFUSED])
def test_a_valid_sample_written_again_is_equal_and_strict(bench: Bench, name: str) -> None:
    first = bench.read(sample(name))
    data = bench.written(first)
    second = bench.read(data)
    assert second.message == first.message
    assert [each.sha256 for each in second.attachments] == [each.sha256 for each in first.attachments]
    assert check_written(data) == ()
    assert bench.written(second) == data


def test_every_sample_that_must_not_pass_is_there() -> None:
    shared_folder("samples", "edxml")
    assert set(REFUSED) | set(REPAIRED) <= set(FILES)
