"""Verification put together: who does the work, what is remembered, who may ask for it."""

from __future__ import annotations

from hub import __version__
from hub.bootstrap.values import format_limits_of
from hub.config import Settings
from hub.ports.unit_of_work import UnitOfWork
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.examiner import Examiner
from hub.services.follow import FollowService
from hub.services.kit import Kit
from hub.services.second_looks import SecondLooks
from hub.services.sender_share import ShareRules
from hub.services.signatures import SignatureService
from hub.services.slots import Slots
from hub.services.verdicts import Rules, Verdicts, Workers
from hub.services.verification import VerificationService
from signing.trust_folder import TrustStamp

PLACES_PER_WORKER = 4


def make_verdicts(settings: Settings, workers: Workers, uow: UnitOfWork) -> Verdicts:
    """The workers with a memory; what trust says is looked at before each verdict."""
    stamp = TrustStamp(settings.trust_path)
    rules = Rules(
        version=__version__,
        trust=stamp.text,
        online=settings.revocation.online,
        receipt_proves=settings.verify_receipt_proves,
    )
    return Verdicts(workers, uow, rules)


def make_signature_service(
    settings: Settings, kit: Kit, workers: Workers, follow: FollowService
) -> SignatureService:
    """Verification for callers, a few places for each."""
    slots = Slots(
        per_node=settings.verify_workers * PLACES_PER_WORKER,
        per_system=settings.limits.verify_per_system,
        full="verification_busy",
    )
    return SignatureService(
        kit=kit, workers=workers, follow=follow, slots=slots, limits=format_limits_of(settings)
    )


def make_verification(
    settings: Settings, kit: Kit, workers: Workers, directory: DirectorySnapshot, *, owner: str
) -> tuple[VerificationService, SecondLooks]:
    """What verifies accepted documents, and what looks again at verdicts that waited for an answer."""
    examiner = Examiner(
        kit=kit,
        verifier=workers,
        pages=workers,
        limits=format_limits_of(settings),
        document_s=settings.verify_document_s,
    )
    # One sender never has all processes with documents that take long.
    shares = ShareRules(slow_most=max(1, settings.verify_workers - 1))
    verification = VerificationService(
        kit=kit,
        examiner=examiner,
        directory=directory,
        owner=owner,
        shares=shares,
        forget=workers.forget if isinstance(workers, Verdicts) else None,
    )
    looks = SecondLooks(kit, examiner=examiner, directory=directory, verification=verification, owner=owner)
    return verification, looks
