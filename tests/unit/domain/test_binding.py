"""What a system is bound to beside its key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.domain.binding import (
    Binding,
    BindingProblem,
    Peer,
    PinnedCertificate,
    normalise_digest,
    normalise_network,
    within,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)
OLD, NEW, OTHER = bytes(32), b"\x01" * 32, b"\x02" * 32


def test_without_a_binding_anybody_with_the_key_may_call() -> None:
    assert not Binding()
    assert Binding().problem(Peer(), NOW) is None


def test_two_certificates_are_valid_at_once_and_each_ends_on_its_day() -> None:
    binding = Binding(
        certificates=(
            PinnedCertificate(sha256=OLD, valid_to=NOW + DAY),
            PinnedCertificate(sha256=NEW, valid_from=NOW),
        )
    )
    said = {
        (name, days): binding.problem(Peer(certificate_sha256=digest), NOW + days * DAY)
        for name, digest in (("old", OLD), ("new", NEW))
        for days in (-1, 0, 1)
    }
    assert said == {
        ("old", -1): None,
        ("old", 0): None,
        ("old", 1): BindingProblem.CERTIFICATE_OUTDATED,
        ("new", -1): BindingProblem.CERTIFICATE_OUTDATED,
        ("new", 0): None,
        ("new", 1): None,
    }


@pytest.mark.parametrize(
    ("shown", "problem"),
    [(None, BindingProblem.CERTIFICATE_ABSENT), (OTHER, BindingProblem.CERTIFICATE_OTHER)],
)
def test_no_certificate_or_another_one_is_not_let_in(shown: bytes | None, problem: BindingProblem) -> None:
    binding = Binding(certificates=(PinnedCertificate(sha256=OLD),))
    assert binding.problem(Peer(certificate_sha256=shown), NOW) is problem


def test_when_all_pins_are_over_nobody_is_let_in() -> None:
    binding = Binding(certificates=(PinnedCertificate(sha256=OLD, valid_to=NOW - DAY),))
    assert binding.problem(Peer(certificate_sha256=OLD), NOW) is BindingProblem.CERTIFICATE_OUTDATED
    assert binding.problem(Peer(), NOW) is BindingProblem.CERTIFICATE_ABSENT


def test_certificate_and_network_must_both_hold() -> None:
    binding = Binding(certificates=(PinnedCertificate(sha256=OLD),), networks=("10.1.0.0/16",))
    assert binding.problem(Peer(address="10.1.2.3", certificate_sha256=OLD), NOW) is None
    elsewhere = Peer(address="10.2.2.3", certificate_sha256=OLD)
    assert binding.problem(elsewhere, NOW) is BindingProblem.ADDRESS_OTHER
    without = Peer(address="10.1.2.3")
    assert binding.problem(without, NOW) is BindingProblem.CERTIFICATE_ABSENT


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.1.0.1", True),
        ("::ffff:10.1.0.1", True),
        ("10.2.0.1", False),
        ("2001:db8::7", True),
        ("fe80::1%eth0", False),
        ("localhost", False),
        ("", False),
        (None, False),
    ],
)
def test_addresses_are_compared_as_numbers(address: str | None, inside: bool) -> None:
    assert within(address, ("10.1.0.0/16", "2001:db8::/32")) is inside


@pytest.mark.parametrize("text", ["", "ab", "zz" * 32, "00" * 33])
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        normalise_digest(text)


def test_a_digest_is_read_as_people_copy_it() -> None:
    assert normalise_digest(" " + ":".join(["AB"] * 32)) == b"\xab" * 32


@pytest.mark.parametrize("text", ["10.1.2.3/16", "mạng", "10.0.0.0/33"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        normalise_network(text)
