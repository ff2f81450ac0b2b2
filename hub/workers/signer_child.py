"""A signing process: `python -m hub.workers.signer_child`, one order after the other until its input ends."""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import BinaryIO, Final

from asn1crypto import x509

from hub.ports.signing import LookOrder, SigningAction, SigningOrder
from hub.workers.signer_wire import LENGTH, Bench, read
from signing.asic_sign import DataFile, add_signature, sign_container
from signing.certificates import common_name, load_certificates
from signing.credentials import Credential
from signing.elsewhere import Waiting, finish, prepare_markup, prepare_pdf
from signing.errors import CredentialUnusable, SigningError, UsageError
from signing.evidence import LongTerm
from signing.key_ring import KeyRing
from signing.online import OnlineSource
from signing.pades import SignatureOptions, sign_pdf_told
from signing.report import FileFormat
from signing.roles import Look
from signing.sign_command import (
    Level,
    SignRequest,
    asked_look,
    is_pdf,
    read_input,
    refuse_outdated,
    xml_options,
)
from signing.sign_look import LookRequest, appearance
from signing.sign_messages import told
from signing.trust_folder import TrustFolder
from signing.tsa import Signed, TimestampClient
from signing.verify import sniff
from signing.xades_sign import sign_xml_told

_MEDIA: Final = {
    FileFormat.PDF: "application/pdf",
    FileFormat.ASICE: "application/vnd.etsi.asic-e+zip",
}
Now = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class Desk:
    """What the process keeps from order to order: keys, trust, what it learnt from authorities."""

    def __init__(self, bench: Bench, *, now: Now = _now) -> None:
        self._ring = KeyRing(bench.keys)
        self._bench, self._now = bench, now
        self._trust = TrustFolder(bench.trust) if bench.trust is not None else None
        self._online = OnlineSource(bench.online) if bench.online is not None else None

    def work(self, order: SigningOrder) -> dict[str, object]:
        """Carry out one order; a refusal is an answer."""
        try:
            return self._prepare(order) if order.action is SigningAction.PREPARE else self._make(order)
        except SigningError as error:
            vi, en = told(error.code)
            of_key = isinstance(error, CredentialUnusable) and order.action is SigningAction.SIGN
            return {"declined": error.code, "vi": vi, "en": en, "of_key": of_key}

    def _make(self, order: SigningOrder) -> dict[str, object]:
        made = self._finished(order) if order.action is SigningAction.FINISH else self._signed(order)
        order.out.write_bytes(made.data)
        kind = _MEDIA.get(sniff(made.data), "application/xml")
        return _answer(media_type=kind, findings=[f.code for f in made.findings])

    def _signed(self, order: SigningOrder) -> Signed:
        def work(credential: Credential) -> Signed:
            refuse_outdated(credential, self._now())
            if order.container or len(order.files) > 1:
                return self._contained(order, credential)
            return self._one(order, credential)

        return self._ring.sign_with(order.key, work)

    def _one(self, order: SigningOrder, credential: Credential) -> Signed:
        request, now = _request(order), self._now()
        data = read_input(request.file)
        if not is_pdf(request, data):
            self._level(order, pdf=False)
            options = replace(xml_options(request, data), timestamps=self._timestamps(order))
            return sign_xml_told(data, credential, now=now, options=options)
        look = asked_look(request)
        shown = appearance(data, look, holder=credential.name, now=now) if look is not None else None
        return sign_pdf_told(data, credential, now=now, appearance=shown, options=self._options(order))

    def _contained(self, order: SigningOrder, credential: Credential) -> Signed:
        if order.enveloping or order.look or order.field or order.reason or order.location:
            raise UsageError("these options are for signatures in a PDF or XML", code="options_conflict")
        self._level(order, pdf=False)
        files = [DataFile(name=name, data=read_input(path)) for name, path in order.files]
        stamps, now = self._timestamps(order), self._now()
        if len(files) == 1 and sniff(files[0].data) is FileFormat.ASICE:
            return add_signature(files[0].data, credential, now=now, timestamps=stamps)
        return sign_container(files, credential, now=now, timestamps=stamps)

    def _prepare(self, order: SigningOrder) -> dict[str, object]:
        certificates = _certificates(order.certificates)
        now = self._now()
        refuse_outdated(Credential.of_certificates(certificates), now)
        waiting = self._waiting(order, certificates, now)
        return _answer(
            to_sign=base64.b64encode(waiting.to_sign).decode("ascii"),
            algorithm=waiting.algorithm,
            state=waiting.state,
        )

    def _waiting(self, order: SigningOrder, certificates: list[x509.Certificate], now: datetime) -> Waiting:
        request = _request(order)
        data = read_input(request.file)
        if not is_pdf(request, data):
            return prepare_markup(data, certificates, now=now, options=xml_options(request, data))
        look, holder = asked_look(request), common_name(certificates[0])
        shown = appearance(data, look, holder=holder, now=now) if look is not None else None
        options = request.options or SignatureOptions()
        return prepare_pdf(data, certificates, now=now, appearance=shown, options=options)

    def _finished(self, order: SigningOrder) -> Signed:
        chain = _certificates(order.certificates) if order.certificates else []
        data = read_input(order.files[0][1])
        options = SignatureOptions(timestamps=self._timestamps(order), long_term=self._long_term(order))
        return finish(data, order.state, order.value, now=self._now(), chain=chain, options=options)

    def _options(self, order: SigningOrder) -> SignatureOptions:
        chosen = _request(order).options or SignatureOptions()
        return replace(chosen, timestamps=self._timestamps(order), long_term=self._long_term(order))

    def _level(self, order: SigningOrder, *, pdf: bool) -> Level | None:
        level = Level(order.level) if order.level is not None else None
        if not pdf and level in {Level.B_LT, Level.B_LTA}:
            raise UsageError("long-term data are for signatures in a PDF", code="level_conflict")
        return level

    def _timestamps(self, order: SigningOrder) -> TimestampClient | None:
        level = self._level(order, pdf=True)
        if level is Level.B_B or (level is None and not self._bench.authorities):
            return None
        if not self._bench.authorities:
            raise UsageError("no timestamp authority is configured", code="level_conflict")
        return TimestampClient(
            authorities=self._bench.authorities,
            seconds=self._bench.authority_seconds,
            policies=self._bench.policies,
        )

    def _long_term(self, order: SigningOrder) -> LongTerm | None:
        level = self._level(order, pdf=True)
        if level not in {Level.B_LT, Level.B_LTA}:
            return None
        if self._trust is None:
            raise UsageError("no trust folder is configured", code="level_conflict")
        return LongTerm(trust=self._trust.store(), online=self._online, archive=level is Level.B_LTA)


def _request(order: SigningOrder) -> SignRequest:
    """The order in the words of the command."""
    options = SignatureOptions(field_name=order.field, reason=order.reason, location=order.location)
    return SignRequest(
        file=order.files[0][1],
        key="",
        enveloping=order.enveloping,
        look=_look(order.look) if order.look is not None else None,
        picture=order.look.picture if order.look is not None else None,
        options=options if options != SignatureOptions() else None,
    )


def _look(asked: LookOrder) -> LookRequest:
    try:
        role = Look(asked.role) if asked.role is not None else None
    except ValueError as error:
        raise UsageError("no such role", code="role_missing") from error
    return LookRequest(look=role, text=asked.text, anchor=asked.anchor, box=asked.box)


def _certificates(blob: bytes) -> list[x509.Certificate]:
    try:
        found = load_certificates(blob)
    except ValueError:
        found = []
    if not found:
        raise CredentialUnusable("no certificate", code="credential_certificate")
    return found


def _answer(**given: object) -> dict[str, object]:
    return {"media_type": "", "findings": [], "to_sign": "", "algorithm": "", "state": "", **given}


def main() -> None:
    """Read the bench, limit the process, then orders until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a library prints must not stand among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    orders = sys.stdin.buffer
    bench = _read(orders)
    assert isinstance(bench, Bench)
    if bench.memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (bench.memory_bytes, bench.memory_bytes))
    desk = Desk(bench)
    while (order := _read(orders)) is not None:
        assert isinstance(order, SigningOrder)
        body = json.dumps(desk.work(order)).encode()
        answers.write(LENGTH.pack(len(body)) + body)
        answers.flush()


def _read(stream: BinaryIO) -> Bench | SigningOrder | None:
    """The next thing that the hub sends; None at the end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    return read(stream.read(length))


if __name__ == "__main__":
    main()
