"""Several processes behind one address tell their metrics as one."""

from __future__ import annotations

import math
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from hub.observability.metrics import Metrics
from hub.observability.siblings import LABEL, UP, Place, Siblings


def process(folder: Path, number: int, count: int) -> tuple[Metrics, Siblings]:
    metrics = Metrics(version="x")
    return metrics, Siblings(metrics, Place(folder=folder, number=number, count=count))


def _told_apart(labels: dict[str, str]) -> str:
    return labels.get("result") or labels.get("le", "")


def samples(text: bytes) -> dict[tuple[str, str, str], float]:
    return {
        (sample.name, _told_apart(sample.labels), sample.labels[LABEL]): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name.startswith(("lienthong_submi", UP))
    }


async def test_whoever_is_asked_tells_about_all_each_under_its_number(tmp_path: Path) -> None:
    (first, one), (second, two) = process(tmp_path, 1, 2), process(tmp_path, 2, 2)
    first.submissions.labels(result="accepted").inc(3)
    second.submissions.labels(result="accepted").inc(4)
    second.submission_bytes.observe(10**12)
    async with one.told(), two.told():
        texts = [await one.gather(), await two.gather()]
    for text in texts:
        told = samples(text)
        assert told["lienthong_submissions_total", "accepted", "1"] == 3
        assert told["lienthong_submissions_total", "accepted", "2"] == 4
        assert told["lienthong_submission_bytes_bucket", "+Inf", "2"] == 1
        assert told[UP, "", "1"] == told[UP, "", "2"] == 1


async def test_a_process_that_is_gone_is_told_as_gone(tmp_path: Path) -> None:
    _, one = process(tmp_path, 1, 3)
    _, two = process(tmp_path, 2, 3)
    async with two.told():
        pass
    async with one.told():
        told = samples(await one.gather())
    assert (told[UP, "", "1"], told[UP, "", "2"], told[UP, "", "3"]) == (1, 0, 0)


async def test_a_process_that_starts_anew_takes_the_place_of_its_earlier_life(tmp_path: Path) -> None:
    (tmp_path / "2").touch()  # what a killed process left
    _, one = process(tmp_path, 1, 2)
    second, two = process(tmp_path, 2, 2)
    second.submission_bytes.observe(math.inf)
    async with one.told(), two.told():
        assert samples(await one.gather())["lienthong_submission_bytes_sum", "", "2"] == math.inf
