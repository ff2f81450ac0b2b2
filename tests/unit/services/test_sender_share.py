from __future__ import annotations

from uuid import UUID

from hub.services.sender_share import SenderShares, ShareRules

A, B = UUID(int=1), UUID(int=2)


def test_a_sender_is_put_off_only_while_its_documents_take_long() -> None:
    now = [0.0]
    shares = SenderShares(ShareRules(slow_s=10, slow_most=1), lambda: now[0])
    with shares.one(A), shares.one(A):
        assert not shares.is_taken(A)
        now[0] = 10.0
        assert shares.is_taken(A)
        assert not shares.is_taken(B)
    assert not shares.is_taken(A)
