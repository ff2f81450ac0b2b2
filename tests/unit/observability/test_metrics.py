from __future__ import annotations

from hub.observability.metrics import Metrics


def test_a_metric_without_events_reads_nought() -> None:
    text = Metrics(version="1.2.3").render().decode()
    assert 'lienthong_build_info{version="1.2.3"} 1.0' in text
    assert "lienthong_storage_free_bytes 0.0" in text


def test_an_event_is_counted_under_its_labels() -> None:
    metrics = Metrics(version="x")
    metrics.submissions.labels(result="secrecy_mark").inc()
    assert 'lienthong_submissions_total{result="secrecy_mark"} 1.0' in metrics.render().decode()


def test_two_hubs_in_one_process_do_not_share_counts() -> None:
    one, other = Metrics(version="x"), Metrics(version="x")
    one.storage_free_bytes.set(3)
    assert "lienthong_storage_free_bytes 0.0" in other.render().decode()


def test_every_metric_is_named_after_the_product_and_explained() -> None:
    for family in Metrics(version="x").registry.collect():
        assert family.name.startswith(("lienthong_", "process_", "python_"))
        assert family.documentation
