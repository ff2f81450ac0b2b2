"""The calls that sign: with a key of the hub, or in two steps around a key that is with the caller."""

from __future__ import annotations

from typing import Final

from hub.web import models_signing as m
from hub.web.api import signing
from hub.web.operation import Operation

_PROBLEMS: Final = (
    *("signing_forbidden", "signing_refused", "signing_unfinished", "signing_busy", "system_busy"),
    *("media_type_unsupported", "parts_invalid", "body_empty", "body_too_large", "body_too_slow", "body_cut"),
    *("hub_stopping", "storage_unavailable"),
)

SIGNING_OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        method="POST",
        path="/api/v1/signatures/sign",
        name="signFiles",
        summary_vi="Ký số tệp bằng khóa của trục; không lưu lại gì",
        summary="Sign a file, or several in one container, with a key of the hub; nothing is kept",
        handler=signing.sign,
        body=m.SignIn,
        form=True,
        answers={200: None},
        media_type="application/pdf",
        problems=(*_PROBLEMS, "signing_key_unusable"),
    ),
    Operation(
        method="POST",
        path="/api/v1/signatures/prepare",
        name="prepareSignature",
        summary_vi="Chuẩn bị ký bằng khóa do nơi gọi giữ",
        summary="Prepare a signature whose key is with the caller",
        handler=signing.prepare,
        body=m.PrepareIn,
        form=True,
        answers={200: m.PreparedOut},
        problems=_PROBLEMS,
    ),
    Operation(
        method="POST",
        path="/api/v1/signatures/finish",
        name="finishSignature",
        summary_vi="Hoàn tất chữ ký đã chuẩn bị",
        summary="Finish a prepared signature with the value that the caller's key has made",
        handler=signing.finish,
        body=m.FinishIn,
        form=True,
        answers={200: None},
        media_type="application/pdf",
        problems=_PROBLEMS,
    ),
)
