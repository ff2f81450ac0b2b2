"""Intake: from the last byte of a body to the receipt.

    receive (stream, hash, split) → known already? → secrecy → may this system speak for From?
    → recipients → rendition → blob made durable → ONE transaction → receipt

The receipt leaves the hub only after the original's bytes are fsynced and the transaction has
committed. Refusals are not receipts: nothing is stored but time, system, digest and code, and a resend
is judged anew. A repeated submission gets the stored receipt again, byte for byte, whatever has changed
in the directory since.

If the process dies: before the commit, nothing was accepted (a blob without a row is garbage that the
janitor removes after a day) and the sender has no answer, so it sends again; after the commit, the
resend gets the receipt. If the answer to COMMIT is lost, the key table is read again before answering.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from hub.domain.deadlines import Lane, lane_of
from hub.domain.directory import Directory, Resolution, ResultKind
from hub.domain.events import code_or_digest
from hub.domain.problems import HubError, Refusal
from hub.domain.secrecy import find_mark
from hub.domain.submission import MessageKind, SubmissionKey, recipients_digest
from hub.ports.blobs import BlobStoreError
from hub.ports.records import Rendition
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.services.access import Caller
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.health import HealthService
from hub.services.intake_commit import IntakeCommit, Submission, VersionTaken
from hub.services.intake_plan import Facts, Origin, Reference, facts_of, plan_intake
from hub.services.intake_terms import NO_TERMS, Terms, hold_to, without_served
from hub.services.journal import SALT_BYTES
from hub.services.kit import Kit
from hub.services.order_key import OrderKey
from hub.services.receive import receive
from hub.services.references import Parties, refer
from hub.services.relay_content import content_digest
from hub.services.relay_merge import merge
from hub.services.relay_route import (
    Arrival,
    heirs_outside,
    passed_through,
    served_here,
    with_relay,
)
from hub.services.rendition import Hop, leaves_the_province, readable_by_all, render
from hub.services.senders import Sender, sender_of
from hub.services.slots import Slots
from schemas.limits import FormatLimits

log = structlog.get_logger(__name__)

# The directory's dates of validity are days in Vietnam.
VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")
CLOSED_RETRY_AFTER_S: Final = 60
VERSION_RACES: Final = 5
LOST_COMMIT_LOOKS: Final = 10
LOST_COMMIT_PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The answer to a submission: the receipt's bytes, and whether they are those of an earlier one."""

    receipt: bytes
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeLimits:
    """Limits of one intake: bytes of a body, and those of the format."""

    max_bytes: int
    format: FormatLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    # A message that may be accepted: from whom, for whom, what it refers to.
    resolution: Resolution
    sender: Sender
    snapshot_id: str
    reference: Reference

    @property
    def from_unit(self) -> str:
        return self.sender.unit_id


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    # How a message comes: under which name of the sender, from outside, on what terms, for which order.
    idempotency_key: str | None
    arrival: Arrival | None
    terms: Terms
    order: OrderKey | None


class IntakeService:
    """Takes in documents and status messages."""

    def __init__(
        self,
        *,
        kit: Kit,
        directory: DirectorySnapshot,
        commit: IntakeCommit,
        slots: Slots,
        limits: IntakeLimits,
        health: HealthService,
    ) -> None:
        self._uow, self._blobs, self._ids = kit.uow, kit.blobs, kit.ids
        self._failpoints, self._rules = kit.failpoints, kit.rules
        self._hub_code = kit.hub_code
        self._kit = kit
        self._directory = directory
        self._commit = commit
        self._slots = slots
        self._health = health
        self._metrics = kit.metrics
        self._limits = limits

    def place(self, caller: Caller) -> AbstractContextManager[None]:
        """Hold a place at the counter while a body comes in by another way; raises Refusal if full."""
        return self._slots.take(caller.system_id)

    async def submit(
        self,
        caller: Caller,
        body: AsyncIterator[bytes],
        *,
        idempotency_key: str | None = None,
        arrival: Arrival | None = None,
        terms: Terms = NO_TERMS,
        order: OrderKey | None = None,
    ) -> Submitted:
        """Take in one message.

        Args:
            caller: the system that sends; it must speak for the message's From.
            body: the edXML message as a stream of chunks.
            idempotency_key: the sender's own name for this submission, if any.
            arrival: the message came in from the national exchange, as whose system `caller` acts: it may
                be from everybody outside the province, and is served to our own units alone.
            terms: what the sender says about the message beside it.
            order: the message was written for an order given in fields: that is what makes it the same.

        Raises:
            Refusal: the message or the call is not acceptable (4xx), nothing is stored.
            MessageRefused: a Refusal with the issues of the format.
            DatabaseUnavailable, StorageUnavailable: try again later (503), nothing is promised.
        """
        with self._slots.take(caller.system_id):
            spool = await self._blobs.new_spool()
            try:
                how = _How(idempotency_key=idempotency_key, arrival=arrival, terms=terms, order=order)
                return await self._submit(caller, body, spool, how)
            finally:
                await self._blobs.drop_spool(spool)

    async def known_order(
        self, caller: Caller, order: OrderKey, *, idempotency_key: str | None = None
    ) -> Submitted | None:
        """Return the receipt of an order that was taken in before, without writing its message again.

        Raises:
            Refusal: `idempotency_conflict`.
        """
        key = order.of(caller.system_id)
        stored, now = await self._look_up((key,), idempotency_key)
        if stored is None:
            return None
        await self._name(key, idempotency_key, now)
        self._metrics.submissions.labels("repeated").inc()
        return Submitted(receipt=stored, repeated=True)

    async def _submit(self, caller: Caller, body: AsyncIterator[bytes], spool: Path, how: _How) -> Submitted:
        submission: Submission | None = None
        try:
            submission = await self._receive(caller, body, spool, how)
            return await self._take_in(submission, spool)
        except Refusal as refusal:
            self._metrics.submissions.labels(refusal.code).inc()
            await self._note(caller, refusal, submission)
            raise

    async def _receive(
        self, caller: Caller, body: AsyncIterator[bytes], spool: Path, how: _How
    ) -> Submission:
        received = await receive(body, spool, limits=self._limits.format, max_bytes=self._limits.max_bytes)
        self._failpoints.hit("after_temp_write")
        facts = facts_of(received)
        if how.arrival is not None:
            codes = dict.fromkeys((*facts.recipients, *how.arrival.to_codes))
            facts = replace(facts, recipients=tuple(codes))
        if how.terms != NO_TERMS:
            facts = hold_to(how.terms, facts, await self._directory.current())
        key = SubmissionKey(
            system_id=caller.system_id,
            kind=facts.kind,
            sha256=received.sha256,
            recipients_sha256=recipients_digest(facts.recipients),
        )
        return Submission(
            caller=caller,
            received=received,
            facts=facts,
            key=key if how.order is None else how.order.of(caller.system_id),
            body_key=None if how.order is None else key,
            idempotency_key=how.idempotency_key,
            about=None if how.order is None else how.order.about,
            arrival=how.arrival,
            in_parts=how.terms.only is not None,
            content_sha256=None if how.arrival is None else content_digest(received),
        )

    async def _take_in(self, submission: Submission, spool: Path) -> Submitted:
        stored, now = await self._known(submission)
        if stored is not None:
            await self._name(submission.key, submission.idempotency_key, now)
            self._metrics.submissions.labels("repeated").inc()
            return Submitted(receipt=stored, repeated=True)
        judged = await self._judge(submission, now)
        again = await self._brought_again(submission, judged)
        if again is not None:
            self._metrics.submissions.labels("repeated").inc()
            return again
        if submission.in_parts:
            judged, earlier = await self._without_served(submission, judged)
            if earlier is not None:
                self._metrics.submissions.labels("repeated").inc()
                return earlier
        await self._hold_the_gate(submission.facts)
        rendition = await self._render_if_needed(submission, judged, spool, now)
        submitted = await self._store(submission, judged, now, rendition)
        self._metrics.submissions.labels("repeated" if submitted.repeated else "accepted").inc()
        self._metrics.submission_bytes.observe(submission.received.size)
        return submitted

    async def _without_served(
        self, submission: Submission, judged: _Judged
    ) -> tuple[_Judged, Submitted | None]:
        async with self._uow.read() as query:
            left, earlier = await without_served(
                query,
                system_id=submission.caller.system_id,
                from_unit=judged.from_unit,
                document_no=submission.facts.document_no,
                sha256=submission.key.sha256,
                to=judged.resolution,
            )
            receipt = None if earlier is None else await query.documents.receipt(earlier)
        answer = None if receipt is None else Submitted(receipt=receipt, repeated=True)
        return replace(judged, resolution=left), answer

    async def _name(self, key: SubmissionKey, name: str | None, now: datetime) -> None:
        # A name given with a resend is taken from then on: it must not name another message later.
        if name is None:
            return
        async with self._uow.read() as query:
            if not await query.intake.name(key, name, now):
                raise Refusal("idempotency_conflict")

    async def _hold_the_gate(self, facts: Facts) -> None:
        # Urgent documents come in as long as there is any room at all (design section 8).
        closed = (await self._health.look()).refuse
        if closed is not None and lane_of(facts.priority) is Lane.NORMAL:
            raise HubError(closed, retry_after=CLOSED_RETRY_AFTER_S)

    async def _known(self, submission: Submission) -> tuple[bytes | None, datetime]:
        keys = (submission.key,) if submission.body_key is None else (submission.key, submission.body_key)
        return await self._look_up(keys, submission.idempotency_key)

    async def _look_up(
        self, keys: Sequence[SubmissionKey], name: str | None
    ) -> tuple[bytes | None, datetime]:
        async with self._uow.read() as query:
            now = await query.intake.now()
            if name is not None:
                named = await query.intake.idempotency(keys[0].system_id, name)
                if named is not None and named not in [(k.sha256, k.recipients_sha256) for k in keys]:
                    raise Refusal("idempotency_conflict")
            for key in keys:
                stored = await query.intake.receipt(key)
                if stored is not None:
                    return stored, now
        return None, now

    async def _judge(self, submission: Submission, now: datetime) -> _Judged:
        facts = submission.facts
        mark = find_mark(facts.secrecy_fields)
        if mark is not None:
            raise Refusal("secrecy_mark", params={"field": mark.field})
        directory = await self._directory.current()
        today = now.astimezone(VIETNAM).date()
        status = facts.kind is MessageKind.STATUS
        sender = sender_of(directory, submission, today, about_received=status)
        resolution = await self._resolve(directory, submission, today)
        if not resolution.units:
            raise _no_recipient(resolution)
        parties = Parties(
            directory=directory,
            today=today,
            sender_names=sender.names,
            resolution=resolution,
            from_outside=submission.arrival is not None,
            about=submission.about,
        )
        async with self._uow.read() as query:
            referring = await refer(query, facts, parties)
        return _Judged(
            resolution=referring.resolution,
            sender=sender,
            snapshot_id=directory.snapshot_id,
            reference=referring.reference,
        )

    async def _resolve(self, directory: Directory, submission: Submission, today: date) -> Resolution:
        recipients = submission.facts.recipients
        resolution = directory.resolve(recipients, today=today, relay=True)
        if submission.arrival is not None:
            return served_here(resolution)
        if not resolution.relayed:
            return resolution
        async with self._uow.read() as query:
            way_out = await query.relay.way_out()
        if way_out is None:
            return directory.resolve(recipients, today=today, relay=False)
        return with_relay(resolution, way_out.id, directory)

    async def _brought_again(self, submission: Submission, judged: _Judged) -> Submitted | None:
        # The exchange brings a message once for each recipient, each time written anew: what it says counts.
        if submission.arrival is None:
            return None
        # The directory may have learnt since under which name the sender goes.
        keys = [submission.message_key(name) for name in judged.sender.names]
        async with self._uow.begin() as tx:
            document_id = await tx.relay.known(keys)
            if document_id is not None:
                receipt = await merge(tx, self._kit, document_id, judged.resolution)
                return Submitted(receipt=receipt, repeated=True)
        own_hop = passed_through(submission.received.message.message, self._hub_code)
        if own_hop and not submission.arrival.released:
            raise Refusal("relay_loop")
        return None

    async def _render_if_needed(
        self, submission: Submission, judged: _Judged, spool: Path, now: datetime
    ) -> tuple[Path, Rendition] | None:
        ids = [unit.system_id for unit in judged.resolution.units]
        async with self._uow.read() as query:
            systems = await query.systems.many(ids)
        hop = None
        if leaves_the_province(systems.values()):
            heirs = heirs_outside(judged.resolution, await self._directory.current())
            hop = Hop(centre=self._hub_code, at=now, also_to=heirs)
        elif readable_by_all(submission.received, systems.values()):
            return None
        return await asyncio.to_thread(render, submission.received, spool, self._ids.new(), hop=hop)

    async def _store(
        self, submission: Submission, judged: _Judged, now: datetime, rendition: tuple[Path, Rendition] | None
    ) -> Submitted:
        await self._commit.refuse_conflict(submission, judged.from_unit)
        blob_ids = [self._ids.new()]
        # Only what surely was not committed is dropped here. A cancelled or lost COMMIT may have happened:
        # then the blob stays, and if no row names it, the janitor removes it after a day.
        nothing_committed = False
        try:
            await self._blobs.put(blob_ids[0], submission.received.path)
            if rendition is not None:
                blob_ids.append(rendition[1].blob_id)
                await self._blobs.put(rendition[1].blob_id, rendition[0])
            self._failpoints.hit("after_blob_fsync")
            receipt = await self._commit_once(
                submission, judged, now, blob_ids[0], rendition[1] if rendition else None
            )
            nothing_committed = receipt is None
        except CommitUnknown:
            return await self._look_again(submission)
        except Exception:
            nothing_committed = True
            raise
        finally:
            if nothing_committed:
                await self._drop(blob_ids)
        if receipt is None:
            stored, _ = await self._known(submission)
            if stored is None:
                raise DatabaseUnavailable("the submission that won the race is gone")
            return Submitted(receipt=stored, repeated=True)
        self._failpoints.hit("after_commit_before_answer")
        return Submitted(receipt=receipt, repeated=False)

    async def _commit_once(
        self,
        submission: Submission,
        judged: _Judged,
        now: datetime,
        blob_id: UUID,
        rendition: Rendition | None,
    ) -> bytes | None:
        for _ in range(VERSION_RACES):
            version = await self._commit.next_version(submission, judged.sender.names)
            plan = plan_intake(
                submission.received,
                submission.facts,
                judged.resolution,
                origin=Origin(
                    document_id=self._ids.new(),
                    blob_id=blob_id,
                    system_id=submission.caller.system_id,
                    from_unit=judged.from_unit,
                    version_no=version.version_no,
                    at=now,
                    salt=secrets.token_bytes(SALT_BYTES),
                    rules=self._rules,
                ),
                reference=judged.reference,
                delivery_ids=[self._ids.new() for _ in judged.resolution.units],
                rendition=rendition,
            )
            try:
                return await self._commit.commit(
                    submission,
                    plan,
                    judged.resolution,
                    snapshot_id=judged.snapshot_id,
                    family_no=version.family_no,
                )
            except VersionTaken:
                # Two updates of one document at once: the other one took this number.
                continue
        raise DatabaseUnavailable("no version number could be taken")

    async def _look_again(self, submission: Submission) -> Submitted:
        for _ in range(LOST_COMMIT_LOOKS):
            try:
                stored, _now = await self._known(submission)
            except DatabaseUnavailable:
                await asyncio.sleep(LOST_COMMIT_PAUSE_S)
                continue
            if stored is None:
                break
            return Submitted(receipt=stored, repeated=False)
        raise DatabaseUnavailable("the outcome of the commit is not known yet; send again")

    async def _drop(self, blob_ids: Sequence[UUID]) -> None:
        for blob_id in blob_ids:
            try:
                await self._blobs.delete(blob_id)
            except BlobStoreError:
                # Garbage without a row: the janitor removes it.
                log.warning("blob_not_deleted", blob_id=str(blob_id))

    async def _note(self, caller: Caller, refusal: Refusal, submission: Submission | None) -> None:
        # The facts of a refusal are kept for administrators; that they could not be written must not
        # change the answer. Of a message that was not understood there is no sender and no digest.
        field = refusal.params.get("field")
        log.info("message_refused", code=refusal.code, system=caller.system.name)
        try:
            async with self._uow.read() as query:
                await query.intake.refused(
                    self._ids.new(),
                    system_id=caller.system_id,
                    code=refusal.code,
                    from_code=None if submission is None else code_or_digest(submission.facts.from_code),
                    sha256=None if submission is None else submission.key.sha256,
                    field=None if field is None else str(field),
                )
        except DatabaseUnavailable:
            log.warning("refusal_not_recorded", code=refusal.code)


def _no_recipient(resolution: Resolution) -> Refusal:
    # One sentence for the sender: the first recipient that cannot be reached, and why.
    for result in resolution.results:
        if result.result is ResultKind.UNDELIVERABLE and result.reason is not None:
            return Refusal(result.reason, params={"agency": result.code})
    return Refusal("recipient_unknown")
