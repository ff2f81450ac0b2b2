"""One round with the national exchange: take in what waits, tell what is owed, follow what we sent.

Documents come before statuses, so that a status finds its document. One package that cannot be fetched
holds up no other; three in a row mean that the exchange is down, and the round ends. A round is good only
if both lists were read; only a good round that left nothing waiting moves the high-water mark, and lists
are asked for from some days before it. No mail for a long time is an alarm, said once: the national client
software takes an outage for an empty list, and so may something in between. [national format, 3.3 rule 5,
3.5]
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from hub.domain.events import EventKind
from hub.domain.ids import normalise_code
from hub.ports.national import (
    ExchangeError,
    ExchangeUnavailable,
    MessageType,
    NationalExchange,
    Package,
    SentPackage,
    Word,
)
from hub.ports.records import Change, NewEvent, SystemRecord
from hub.ports.relay import PackageRecord, PackageState, RelayState
from hub.ports.unit_of_work import Transaction
from hub.services.access import Caller
from hub.services.kit import Kit
from hub.services.relay import Reception
from hub.services.relay_directory import DirectorySync

log = structlog.get_logger(__name__)

IN_A_ROW_MOST: Final = 3
OWED_MOST: Final = 500
RELEASED_MOST: Final = 100
KEY_ID: Final = "relay"
DIRECTORY_AGAIN: Final = timedelta(hours=1)
NOT_TAKEN: Final = "word_refused_"
_TEXT: Final = {
    Word.FAIL: "Goi tin khong hop le",
    Word.PROCESSING: "Dang cho kiem tra",
    Word.DONE: "",
}
_SENT_EVENTS: Final = {
    "done": EventKind.DELIVERY_FETCHED_OUTSIDE,
    "fail": EventKind.DELIVERY_FAILED_OUTSIDE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayRules:
    """How a relay behaves; every one is a setting."""

    interval: timedelta = timedelta(seconds=60)
    jitter: float = 0.2
    lease: timedelta = timedelta(seconds=120)
    overlap: timedelta = timedelta(days=7)
    silence: timedelta = timedelta(hours=24)
    sent_every: timedelta = timedelta(minutes=10)
    directory_every: timedelta | None = timedelta(hours=24)
    directory_most_gone: float = 0.05
    retry_most: timedelta = timedelta(minutes=10)


@dataclass(slots=True, kw_only=True)
class Round:
    """What a round did. `error` is the code of what ended or spoilt it."""

    error: str | None = None
    mail: bool = False
    taken: int = 0
    left_waiting: int = 0
    told: int = 0


class RelayRounds:
    """Makes rounds."""

    def __init__(self, kit: Kit, reception: Reception, directory: DirectorySync, rules: RelayRules) -> None:
        self._kit = kit
        self._uow = kit.uow
        self._reception = reception
        self._directory = directory
        self._rules = rules

    async def run(self, exchange: NationalExchange, system: SystemRecord, state: RelayState) -> Round:
        """Make one round; what the exchange does wrong is in its result, not raised.

        Raises:
            DatabaseUnavailable, CommitUnknown, BlobStoreError: the hub itself is in trouble.
        """
        done = Round()
        caller = Caller(system=system, key_id=KEY_ID)
        since = None if state.high_water is None else state.high_water - self._rules.overlap
        try:
            for kind in MessageType:
                listed = await exchange.received(kind, since=since)
                done.mail = done.mail or bool(listed)
                await self._take_all(exchange, caller, listed, done)
        except ExchangeError as error:
            done.error = error.code
            log.warning("exchange_not_polled", system=system.name, code=error.code, text=error.text)
        await self._take_released(caller, done)
        if done.error is None:
            await self._afterwards(exchange, caller, state, done)
        await self._mind_silence(system, state, done)
        return done

    async def _afterwards(
        self, exchange: NationalExchange, caller: Caller, state: RelayState, done: Round
    ) -> None:
        # Mail is what counts: an exchange that will not tell these is none the worse for it.
        await self._tell_owed(exchange, caller, done)
        if state.sent_due_at <= state.now:
            try:
                await self._follow_sent(exchange, state)
            except ExchangeError as error:
                log.warning("exchange_sent_list_unread", system=caller.system.name, code=error.code)
                async with self._uow.begin() as tx:
                    await tx.relay.sent_looked(state, self._rules.sent_every)
        every = self._rules.directory_every
        if every is not None and state.directory_due_at <= state.now:
            try:
                await self._directory.sync(exchange, state.system_id, every=every)
            except ExchangeError as error:
                log.warning("national_directory_unread", system=caller.system.name, code=error.code)
                note = f"unread: {error.code}"
                async with self._uow.begin() as tx:
                    again = min(every, DIRECTORY_AGAIN)
                    await tx.relay.directory_looked(state.system_id, again, note=note, done=False)

    async def _take_all(
        self, exchange: NationalExchange, caller: Caller, listed: tuple[Package, ...], done: Round
    ) -> None:
        async with self._uow.read() as query:
            known = await query.relay.packages(caller.system_id, [p.package_id for p in listed])
            now = await query.deliveries.hub_time()
        in_a_row = 0
        for package in {p.package_id: p for p in listed}.values():
            record = known.get(package.package_id)
            if record is not None and record.state is not PackageState.WAITING:
                await self._tell_again(exchange, record, done)
                continue
            if record is not None and record.due_at is not None and record.due_at > now:
                done.left_waiting += 1
                continue
            if record is not None and record.blob_id is not None:
                continue  # released by a person: its kept bytes are taken in, below
            outcome = await self._reception.take(exchange, caller, package, record)
            in_a_row = in_a_row + 1 if outcome.state is PackageState.WAITING else 0
            if in_a_row >= IN_A_ROW_MOST:
                raise ExchangeUnavailable(outcome.code or "not_reached")
            done.left_waiting += outcome.state is PackageState.WAITING
            done.taken += outcome.state is PackageState.TAKEN
            await self._tell(exchange, outcome, done)

    async def _take_released(self, caller: Caller, done: Round) -> None:
        async with self._uow.read() as query:
            released = await query.relay.released(caller.system_id, RELEASED_MOST)
        for record in released:
            outcome = await self._reception.take_released(caller, record)
            done.taken += outcome.state is PackageState.TAKEN

    async def _tell_owed(self, exchange: NationalExchange, caller: Caller, done: Round) -> None:
        async with self._uow.read() as query:
            owed = await query.relay.owed(caller.system_id, OWED_MOST)
        for record in owed:
            await self._tell(exchange, record, done)

    async def _tell_again(self, exchange: NationalExchange, record: PackageRecord, done: Round) -> None:
        # Listed although it is settled here: the exchange has not taken our word.
        if record.to_tell is Word.PROCESSING and record.told is Word.PROCESSING:
            return
        if (record.code or "").startswith(NOT_TAKEN):
            # It takes a word only of what was fetched, and knows nothing of our fetching it.
            await self._reception.fetch_in_vain(exchange, record)
        await self._tell(exchange, record, done)

    async def _tell(self, exchange: NationalExchange, record: PackageRecord, done: Round) -> None:
        word = record.to_tell
        if word is None:
            return
        refused: str | None = None
        try:
            await exchange.tell(record.package_id, word, text=_TEXT[word])
        except ExchangeUnavailable as error:
            # It is owed, and told with the next round.
            log.warning("package_not_told", package=record.package_id, word=word.value, code=error.code)
            return
        except ExchangeError as error:
            # What has ended at the exchange never changes there: if it is not listed again, that is the end.
            log.warning("exchange_refused_word", package=record.package_id, word=word.value, code=error.code)
            refused = f"{NOT_TAKEN}{error.code}"
        async with self._uow.begin() as tx:
            await tx.relay.told(record.system_id, record.package_id, word, refused=refused)
        done.told += 1

    async def _follow_sent(self, exchange: NationalExchange, state: RelayState) -> None:
        packages: list[SentPackage] = []
        for kind in MessageType:
            packages += await exchange.sent(kind)
        async with self._uow.begin() as tx:
            changed = await tx.relay.sent_changed(state.system_id, packages)
            events = [event for each in changed for event in await self._told_of(tx, state, each)]
            await tx.record(Change(events=events))
            await tx.relay.sent_looked(state, self._rules.sent_every)

    async def _told_of(self, tx: Transaction, state: RelayState, sent: SentPackage) -> list[NewEvent]:
        kind = _SENT_EVENTS.get(sent.state)
        if kind is None:
            return []
        rows = await tx.relay.deliveries_sent(state.system_id, sent.reference)
        ours = [d for d in rows if sent.to_code in (d.unit_id, *map(normalise_code, d.addressed_as))]
        return [self._kit.journal.delivery(kind, d, at=state.now) for d in ours]

    async def _mind_silence(self, system: SystemRecord, state: RelayState, done: Round) -> None:
        silent_for = state.now - state.silent_since
        if done.mail or state.silence_told_at is not None or silent_for < self._rules.silence:
            return
        hours = int(silent_for / timedelta(hours=1))
        log.error("exchange_silent", system=system.name, hours=hours, last_mail_at=_said(state.last_mail_at))
        async with self._uow.begin() as tx:
            await tx.relay.silence_told(state)


def _said(moment: datetime | None) -> str:
    return "never" if moment is None else moment.isoformat()
