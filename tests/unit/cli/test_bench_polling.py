"""What the bench of polling sends is what clients send."""

from __future__ import annotations

from adapters.vxp.signing import read_head, verify
from hub.cli.bench_polling import rest_poll, vxp_poll


def test_a_poll_over_rest_bears_the_key() -> None:
    assert rest_poll("ltk_a_b").headers == (("Authorization", "Bearer ltk_a_b"),)


def test_a_poll_over_the_national_api_is_signed_and_verifies() -> None:
    poll = vxp_poll("bench-1", "secret")
    head = read_head([(name.encode(), value.encode()) for name, value in poll.headers])
    parameters = verify(head, ["secret"])
    assert head.system_id == "bench-1"
    assert parameters.require("messagetype") == "edoc"
