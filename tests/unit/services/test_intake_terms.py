"""What a sender says beside its message: the kind, and for whom this submission is."""

from __future__ import annotations

from uuid import UUID

import pytest

from hub.domain.directory import Agency, AgencyCode, CodeScheme, Directory, Level
from hub.domain.problems import Refusal
from hub.domain.submission import MessageKind
from hub.services.intake_plan import Facts, facts_of
from hub.services.intake_terms import NO_TERMS, Terms, hold_to
from hub.services.receive import Received
from schemas.edxml.read import read
from schemas.edxml.split import EdxmlSplitter
from schemas.limits import FormatLimits
from tests.support.messages import letter

A, B, B_NEW, C = "000.00.01.H09", "000.00.02.H09", "H09.2", "000.00.03.H09"


def unit(code: str, *more: str) -> Agency:
    codes = tuple(AgencyCode(code=c, scheme=CodeScheme.OTHER) for c in (code, *more))
    return Agency(unit_id=code, name=code, level=Level.UNIT, codes=codes, system_id=UUID(int=1))


DIRECTORY = Directory([unit(A), unit(B, B_NEW), unit(C)], province_suffixes=frozenset({"H09"}))


@pytest.fixture
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """The facts of a letter to B and C."""
    spool = tmp_path_factory.mktemp("spool")
    splitter = EdxmlSplitter(spool=spool, limits=FormatLimits())
    splitter.feed(letter(A, [B, C, "G22"]))
    message = read(splitter.close())
    return facts_of(Received(path=spool, sha256=bytes(32), size=1, message=message))


def test_without_terms_everybody_is_meant(facts: Facts) -> None:
    assert hold_to(NO_TERMS, facts, DIRECTORY) == facts


def test_only_those_named_are_meant_under_any_of_their_codes(facts: Facts) -> None:
    held = hold_to(Terms(only=(B_NEW.lower() + " ",)), facts, DIRECTORY)
    assert held.recipients == (B,)


def test_recipients_that_nobody_knows_can_be_named_too(facts: Facts) -> None:
    assert hold_to(Terms(only=("g22",)), facts, DIRECTORY).recipients == ("G22",)


def test_naming_all_is_naming_none(facts: Facts) -> None:
    assert hold_to(Terms(only=(C, "G22", B, B_NEW)), facts, DIRECTORY) == facts


@pytest.mark.parametrize("code", [A, "000.00.99.H09", ""])
def test_a_recipient_that_the_message_does_not_name_is_refused(facts: Facts, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        hold_to(Terms(only=(B, code)), facts, DIRECTORY)
    assert caught.value.code == "recipient_not_in_message"


def test_another_kind_than_said_is_refused(facts: Facts) -> None:
    assert hold_to(Terms(kind=MessageKind.DOCUMENT), facts, DIRECTORY) == facts
    with pytest.raises(Refusal) as caught:
        hold_to(Terms(kind=MessageKind.STATUS), facts, DIRECTORY)
    assert caught.value.code == "message_kind_other"
