"""What `lienthong doctor` says about where documents lie: a bucket is tried with a blob that goes again."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import aclosing
from typing import Final
from uuid import UUID, uuid4

from hub.bootstrap.blobs import open_blobs
from hub.cli.findings import Finding, well, wrong
from hub.config import Settings
from hub.ports.blobs import BlobExists, BlobStore, BlobStoreError
from hub.storage.blobs_s3 import S3BlobStore

WHAT: Final = "Kho tệp / blobs"
PROBE_BYTES: Final = 64


async def blobs(settings: Settings) -> list[Finding]:
    """Look at the store that is set; never raises for what it finds."""
    if settings.s3.bucket is None:
        return [_folder(settings)]
    try:
        store = open_blobs(settings)
    except BlobStoreError as error:
        return [_wrong(settings, error)]
    try:
        return [await _bucket(settings, store)]
    except BlobStoreError as error:
        return [_wrong(settings, error)]
    finally:
        store.close()


def _folder(settings: Settings) -> Finding:
    if settings.database_url is not None and not settings.blobs_shared:
        note = f"{settings.blobs_path}: chỉ cho một nút (khai báo blobs_shared nếu mọi nút dùng chung)"
        return Finding(what=WHAT, ok=True, vi=note)
    return Finding(what=WHAT, ok=True, vi=str(settings.blobs_path))


async def _bucket(settings: Settings, store: BlobStore | S3BlobStore) -> Finding:
    content = secrets.token_bytes(PROBE_BYTES)
    blob_id = uuid4()
    await _put(store, blob_id, content)
    try:
        conditional = await _is_taken(store, blob_id, content)
        async for _ in store.read(blob_id, sha256=hashlib.sha256(content).digest()):
            pass
        async with aclosing(store.entries()) as entries:  # type: ignore[type-var]  # a generator
            await anext(entries)
    finally:
        await store.delete(blob_id)
    if not conditional:
        return wrong(
            WHAT,
            "blob_store_replaces",
            f"kho S3 “{settings.s3.bucket}” bỏ qua If-None-Match: một văn bản có thể bị ghi đè. "
            "Hãy nâng cấp kho.",
            "the storage ignores If-None-Match: a document could be replaced. Use a newer version of it",
        )
    return well(
        WHAT,
        f"S3 “{settings.s3.bucket}”: ghi, đọc, liệt kê, xóa được",
        f"S3 {settings.s3.bucket}: put, get, list and delete work",
    )


async def _put(store: BlobStore | S3BlobStore, blob_id: UUID, content: bytes) -> None:
    spool = await store.new_spool()
    try:
        source = spool / "probe"
        source.write_bytes(content)
        await store.put(blob_id, source)
    finally:
        await store.drop_spool(spool)


async def _is_taken(store: BlobStore | S3BlobStore, blob_id: UUID, content: bytes) -> bool:
    try:
        await _put(store, blob_id, content)
    except BlobExists:
        return True
    return False


def _wrong(settings: Settings, error: BlobStoreError) -> Finding:
    return wrong(
        WHAT,
        error.code,
        f"kho S3 “{settings.s3.bucket}” không dùng được ({error}). Kiểm tra LIENTHONG_S3__*, quyền "
        "ghi, đọc, liệt kê, xóa của khóa; chưa sửa thì văn bản bị từ chối với mã 503.",
        f"the bucket cannot be used ({error}): check LIENTHONG_S3__* and the key's rights to put, get, "
        "list and delete; until then documents are refused with 503",
    )
