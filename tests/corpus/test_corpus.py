"""The corpus beside the repository, judged as a whole; `make corpus` prints the table."""

from __future__ import annotations

import pytest

from tests.corpus.score import acceptable, explain, score, table
from tests.support.shared import shared_folder


@pytest.mark.shared_material
@pytest.mark.slow
def test_the_corpus_is_judged_as_its_authors_judge_it(capsys: pytest.CaptureFixture[str]) -> None:
    rows = score(shared_folder("corpus"))
    with capsys.disabled():
        print()
        for row in rows:
            if row.misses:
                print(explain(row))
        print(table(rows))
    assert acceptable(rows)
