"""What the hub asks of RabbitMQ, as data."""

from __future__ import annotations

import pytest

from hub.broker.topology import DELIVERY_LIMIT, UnknownTopic, make_plan
from tests.support.shared import REPOSITORY

PLAN = make_plan("hub")
TOPICS = (
    "verify.urgent",
    "verify.normal",
    "relay.urgent",
    "relay.normal",
    "deliver.0192f3c4-7d4e-7a10-8000-0242ac120002.urgent",
    "deliver.so-xay-dung.normal",
)


def test_both_lanes_of_verification_stand_from_the_start() -> None:
    assert [queue.name for queue in PLAN.queues] == ["hub.dead", "hub.verify.urgent", "hub.verify.normal"]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_lane_has_a_quorum_queue_that_dead_letters_at_least_once(topic: str) -> None:
    queue = PLAN.queue(topic)
    assert (queue.name, queue.exchange, queue.routing_key) == (f"hub.{topic}", "hub.work", topic)
    assert queue.arguments == {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "hub.dead",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def test_dead_letters_die_no_second_time() -> None:
    assert PLAN.dead_queue.arguments == {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT}


def test_whatever_topic_a_dead_letter_had_its_queue_takes_it() -> None:
    assert (PLAN.dead.kind, PLAN.dead_queue.exchange) == ("fanout", PLAN.dead.name)


def test_outsiders_have_a_topic_exchange() -> None:
    assert (PLAN.events.name, PLAN.events.kind) == ("hub.events", "topic")


def test_a_queue_is_bound_to_an_exchange_of_the_plan() -> None:
    names = {exchange.name for exchange in PLAN.exchanges}
    for queue in (*PLAN.queues, *map(PLAN.queue, TOPICS)):
        assert queue.exchange in names
        assert queue.dead_letters_to is None or queue.dead_letters_to in names


def test_two_hubs_on_one_broker_share_no_name() -> None:
    one, other = make_plan("a"), make_plan("b")
    assert not one.names & other.names


@pytest.mark.parametrize(
    "topic",
    ["", "verify", "verify.slow", "verify.urgent.x", "deliver.urgent", "deliver.a.b.urgent", "inbox", "dead"],
)
def test_a_topic_that_is_no_lane_has_no_queue(topic: str) -> None:
    with pytest.raises(UnknownTopic) as caught:
        PLAN.queue(topic)
    assert caught.value.topic == topic


@pytest.mark.parametrize("prefix", ["", ".", "a.b", "-a", "a" * 41, "đ", "a b", "a*"])
def test_a_prefix_that_would_confuse_names_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        make_plan(prefix)


def test_the_reference_names_every_exchange_queue_and_argument() -> None:
    page = (REPOSITORY / "docs" / "reference" / "topology.md").read_text()
    plan = make_plan("lienthong")
    for name in plan.names:
        assert f"`{name}`" in page
    for argument, value in plan.queue("verify.urgent").arguments.items():
        assert f"`{argument}`" in page
        assert argument == "x-dead-letter-exchange" or f"`{value}`" in page
