"""The first stage: whether something was changed, by bytes and one key operation."""

from __future__ import annotations

import hashlib
import random

import pytest

from signing.errors import InputRefused
from signing.integrity import check
from signing.options import VerifyOptions
from signing.pades import SignatureOptions, sign_pdf
from signing.pdf_ranges import RangeDigests, raw_signatures
from signing.verify import verify_bytes
from signing.xades_sign import sign_xml
from tests.unit.signing.conftest import NOW, Office


def test_both_signatures_of_a_letter_are_intact(office: Office) -> None:
    found = check(office.signed)
    assert [(f.intact, f.whole_file) for f in found] == [(True, False), (True, True)]
    assert [f.signer.dump() for f in found if f.signer] == [
        office.person.certificate.dump(),
        office.organisation.certificate.dump(),
    ]


def test_a_file_without_signatures_has_no_answer(office: Office) -> None:
    assert check(office.letter) == ()
    assert check(b"") == ()
    assert check(b"<a/>") == ()


def test_a_changed_byte_is_never_intact(office: Office) -> None:
    """Any byte of a ByteRange; the second stage never disagrees."""
    generator = random.Random(5)
    first, second = (s.byte_range for s in raw_signatures(office.signed))
    for _ in range(60):
        place = generator.randrange(first[1])
        broken = bytearray(office.signed)
        broken[place] ^= 1 << generator.randrange(8)
        assert all(f.intact is not True for f in check(bytes(broken)))
    later = bytearray(office.signed)
    later[first[2] + first[3] + 20] ^= 1
    assert check(bytes(later))[0].intact is True
    assert all(f.intact is not True for f in check(bytes(later))[1:])
    assert second[2] > first[2]


def test_a_changed_value_is_not_intact(office: Office) -> None:
    found = next(iter(raw_signatures(office.signed)))
    start = found.byte_range[1] + 1
    value = found.hole.rstrip(b"0")
    broken = bytearray(office.signed)
    broken[start + len(value) - 40] ^= 1
    assert check(bytes(broken))[0].intact is not True


def test_damaged_files_never_raise(office: Office) -> None:
    generator = random.Random(7)
    for _ in range(150):
        broken = bytearray(office.signed)
        for _ in range(generator.choice((1, 30, 300))):
            broken[generator.randrange(len(broken))] = generator.randrange(256)
        check(bytes(broken[: generator.randrange(len(broken))]))


@pytest.mark.parametrize("plain", [True, False])
def test_both_stages_agree(office: Office, plain: bool) -> None:
    made = sign_pdf(office.letter, office.person, now=NOW, options=SignatureOptions(plain_pkcs7=plain))
    for data in (made, made.replace(b"/Type", b"/Tape", 1)):
        report = verify_bytes(data, name="x", options=VerifyOptions(no_trust=True))
        assert [f.intact is True for f in check(data)] == [s.intact for s in report.signatures]


def test_other_kinds_of_file_are_answered_too(office: Office) -> None:
    made = sign_xml("<a>chữ</a>".encode(), office.person, now=NOW)
    assert [(f.intact, f.whole_file) for f in check(made)] == [(True, True)]
    assert [f.intact for f in check(made.replace("chữ".encode(), b"chu"))] == [False]


def test_digests_that_go_on_are_those_that_start_anew() -> None:
    data = random.Random(3).randbytes(5_000)
    digests = RangeDigests(data)
    for ranges in [
        (0, 10, 20, 30),
        (0, 100, 200, 4_800),
        (0, 50, 60, 10),
        (0, 100, 300, 9_999),
        (5, 10),
        (0, 0, 0, 0),
    ]:
        pieces = [data[a : a + n] for a, n in zip(ranges[::2], ranges[1::2], strict=True)]
        assert digests.of(ranges, "sha256") == hashlib.sha256(b"".join(pieces)).digest()
        assert digests.of(ranges, "sha512") == hashlib.sha512(b"".join(pieces)).digest()
    assert digests.of((0, 1, 2, 3), "unknown") is None


@pytest.mark.parametrize("most", [1, 2, 3])
def test_of_too_many_ranges_the_first_are_looked_at(
    office: Office, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    ends = [f.end for f in raw_signatures(office.signed)]
    assert len(ends) == 2
    monkeypatch.setattr("signing.pdf_ranges.MAX_FOUND", most)
    assert [f.end for f in raw_signatures(office.signed)] == ends[:most]


def test_ranges_that_would_be_hashed_for_minutes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signing.pdf_ranges.MAX_HASHED", 2_000)
    digests = RangeDigests(b"x" * 1_000)
    digests.of((0, 1, 2, 998), "sha256")
    with pytest.raises(InputRefused):
        for n in range(1, 9):
            digests.of((0, 1, 2 + n, 998), "sha256")
