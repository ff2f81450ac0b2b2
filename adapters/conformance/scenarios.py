"""The scenarios of the conformance sheet, each judged from what a system was seen to do.

A judge returns what it saw that passes, or None. Nothing is taken on trust: what was not seen has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.conformance.exchange import Exchange
from adapters.conformance.facts import Api, Dialect, Facts
from adapters.conformance.rest import REST
from adapters.simulator.echo import Behaviour, EchoRole

LARGE_BYTES: Final = 40 * 1024 * 1024
Judge = Callable[[Facts, "Sandbox"], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """The echo recipients of the trial, by how they behave."""

    roles: Sequence[EchoRole]

    def of(self, behaviour: Behaviour) -> EchoRole:
        """Return the echo recipient that behaves so."""
        return next(role for role in self.roles if role.behaviour is behaviour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One thing that a system must be seen to do; `how` says what its people have to do for it.

    `apis` are the interfaces that can show it: leases are REST's alone, Bkav's has no sent list.
    """

    code: str
    title: str
    title_en: str
    how: str
    judge: Judge
    apis: frozenset[Api]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A scenario's outcome; `evidence` says what was seen, empty if it was not."""

    scenario: Scenario
    evidence: str

    @property
    def passed(self) -> bool:
        """Whether it was seen."""
        return bool(self.evidence)


def scenarios_of(api: Api) -> tuple[Scenario, ...]:
    """Return the scenarios that an interface can show."""
    return tuple(each for each in SCENARIOS if api in each.apis)


def judge(exchanges: Sequence[Exchange], sandbox: Sandbox, dialect: Dialect = REST) -> tuple[Result, ...]:
    """Judge a recording by all scenarios of its interface, in their order."""
    facts = dialect.facts(exchanges)
    return tuple(
        Result(scenario=each, evidence=each.judge(facts, sandbox) or "") for each in scenarios_of(dialect.api)
    )


def _sent(facts: Facts, sandbox: Sandbox) -> str | None:
    code = sandbox.of(Behaviour.ACCEPT).code
    return next((f"{said.document_id}" for said in facts.documents(0) if code in said.to), None)


def _repeated(facts: Facts, _sandbox: Sandbox) -> str | None:
    known = {s.sha256 for s in facts.sent if s.accepted and not s.repeated and not s.cut}
    again = next((s for s in facts.sent if s.accepted and s.repeated and s.sha256 in known), None)
    return None if again is None else f"sha256 {again.sha256[:16]}"


def _conflict(facts: Facts, _sandbox: Sandbox) -> str | None:
    # Refused for good: the same bytes must not come again.
    refused = [n for n, each in enumerate(facts.sent) if each.conflict]
    if not refused:
        return None
    first = facts.sent[refused[0]]
    if any(each.sha256 == first.sha256 for each in facts.sent[refused[0] + 1 :]):
        return None
    return f"document_conflict, sha256 {first.sha256[:16]}"


def _fetched(facts: Facts, _sandbox: Sandbox) -> str | None:
    taken = facts.taken("document")
    return f"delivery {taken[0].delivery}" if taken else None


def _lease_lost(facts: Facts, _sandbox: Sandbox) -> str | None:
    found = next((d for d in facts.confirmed if len(facts.leases.get(d, ())) > 1), None)
    return None if found is None else f"delivery {found}: {len(facts.leases[found])} leases"


def _out_of_order(facts: Facts, sandbox: Sandbox) -> str | None:
    code = sandbox.of(Behaviour.SLOW).code
    codes = [offer.status_code for offer in facts.taken("status") if offer.from_code == code]
    return "03, 01" if "03" in codes and "01" in codes[codes.index("03") :] else None


def _recalls(facts: Facts, sandbox: Sandbox) -> str | None:
    told = {(offer.status_code, offer.from_code) for offer in facts.taken("status")}
    accept, recall = sandbox.of(Behaviour.ACCEPT).code, sandbox.of(Behaviour.RECALL).code
    answered = facts.said & {"15", "16"}
    if not facts.asked_back or not answered:
        return None
    if {("15", accept), ("16", recall), ("13", recall)} <= told:
        return f"13 → 15, 13 → 16, 13 ← → {', '.join(sorted(answered))}"
    return None


def _of_type(business_type: int) -> Judge:
    def found(facts: Facts, _sandbox: Sandbox) -> str | None:
        seen = facts.documents(business_type)
        return f"{seen[0].document_id}" if seen else None

    return found


def _both_codes(facts: Facts, sandbox: Sandbox) -> str | None:
    role = sandbox.of(Behaviour.ACCEPT)
    used = {code for each in facts.accepted if each.said for code in each.said.to}
    return f"{role.code}, {role.other_code}" if {role.code, role.other_code} <= used else None


def _large(facts: Facts, _sandbox: Sandbox) -> str | None:
    largest = max((each.size for each in facts.accepted), default=0)
    return f"{largest} byte" if largest >= LARGE_BYTES else None


def _unsigned(facts: Facts, sandbox: Sandbox) -> str | None:
    # Where the interface tells what the hub thinks of a signature, it must have been told.
    code = sandbox.of(Behaviour.WRONG).code
    for offer in facts.taken("document"):
        if offer.from_code == code and (offer.warnings is None or offer.warnings):
            return f"delivery {offer.delivery}: {', '.join(offer.warnings or ('–',))}"
    return None


def _wrong_signature(facts: Facts, sandbox: Sandbox) -> str | None:
    # Sent, not delivered for its signature, and the sender's system looked what had become of it.
    code = sandbox.of(Behaviour.REFUSE).code
    mine = [each.document for each in facts.accepted if each.said and code in each.said.to]
    found = next((document for document in mine if document in facts.spoiled), None)
    return None if found is None else f"{found}: {facts.spoiled[found]}"


def _after_cut(facts: Facts, _sandbox: Sandbox) -> str | None:
    cut = next((each for each in facts.sent if each.cut), None)
    if cut is None:
        return None
    again = any(each.sha256 == cut.sha256 and each.accepted and each.repeated for each in facts.sent)
    return f"sha256 {cut.sha256[:16]}" if again else None


def _scenario(
    code: str, texts: tuple[str, str, str], judge: Judge, *, apis: frozenset[Api] = frozenset(Api)
) -> Scenario:
    return Scenario(code=code, title=texts[0], title_en=texts[1], how=texts[2], judge=judge, apis=apis)


SCENARIOS: Final[tuple[Scenario, ...]] = (
    _scenario("send", ("Gửi văn bản", "Send a document", "Gửi một văn bản mới tới đơn vị accept."), _sent),
    _scenario(
        "duplicate",
        ("Gửi lại nguyên văn", "Send the same again", "Gửi lại đúng các byte đã gửi."),
        _repeated,
    ),
    _scenario(
        "conflict",
        (
            "Trùng mã, khác nội dung",
            "Same id, other content",
            "Gửi nội dung khác dưới mã văn bản đã dùng; khi bị từ chối thì không gửi lại.",
        ),
        _conflict,
    ),
    _scenario(
        "fetch", ("Nhận văn bản", "Receive a document", "Nhận giữ, tải, xác nhận một văn bản."), _fetched
    ),
    _scenario(
        "lease_lost",
        (
            "Hết hạn giữ rồi nhận lại",
            "Lose a lease, take it again",
            "Nhận giữ, để quá hạn, nhận giữ lại rồi xác nhận.",
        ),
        _lease_lost,
        apis=frozenset({Api.REST}),
    ),
    _scenario(
        "statuses_out_of_order",
        ("Trạng thái lộn thứ tự", "Statuses out of order", "Gửi tới đơn vị slow; nhận 03 rồi 01."),
        _out_of_order,
    ),
    _scenario(
        "recall",
        (
            "Lấy lại: 13, 15, 16",
            "Recall: 13, 15, 16",
            "Lấy lại văn bản đã gửi tới accept (được 15) và recall (được 16); trả lời 13 của recall.",
        ),
        _recalls,
    ),
    _scenario(
        "update", ("Văn bản cập nhật", "Update", "Gửi văn bản loại 2 cho văn bản đã gửi."), _of_type(2)
    ),
    _scenario("replace", ("Văn bản thay thế", "Replacement", "Gửi văn bản loại 3."), _of_type(3)),
    _scenario(
        "codes",
        ("Mã cũ và mã mới", "Old and new code", "Gửi tới accept bằng cả hai mã định danh."),
        _both_codes,
    ),
    _scenario("large", ("Văn bản 40 MB", "40 MB", "Gửi một thông điệp từ 40 MB trở lên."), _large),
    _scenario(
        "unsigned",
        ("Nhận văn bản không ký", "Receive an unsigned document", "Gửi tới wrong; nhận văn bản nó gửi lại."),
        _unsigned,
    ),
    _scenario(
        "wrong_signature",
        (
            "Chữ ký sai",
            "Wrong signature",
            "Gửi tới refuse một văn bản có chữ ký hỏng, rồi hỏi xem nó ra sao.",
        ),
        _wrong_signature,
        apis=frozenset({Api.REST, Api.VXP}),
    ),
    _scenario(
        "retry_after_cut",
        ("Đứt đường truyền rồi gửi lại", "Retry after a cut", "Gửi tới slow; câu trả lời đầu bị cắt."),
        _after_cut,
    ),
)
