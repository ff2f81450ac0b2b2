"""Documents as sent, in a bucket of S3-compatible storage.

    <prefix>/objects/<id>     the blobs
    <prefix>/claims/<id>      who is uploading a blob of more than one part

Bodies are spooled in a local folder while they arrive (`hub.storage.spools`). `put` sends the file before the
transaction commits: up to one part in one request, larger ones in parts of 5 MiB, two at a time, so that
memory does not grow with the document. S3 shows an object only once it is complete, and answers only once it
is durable. The process dies
- before the end of an upload: there is no blob. Parts of a multipart upload stay invisible; the bucket's
  lifecycle rule for incomplete uploads removes them;
- after it: the blob is whole, and no row speaks of it; the garbage collection finds it.

A blob is never replaced: one part goes out with `If-None-Match: *`; S3 clients cannot say that of a multipart
upload, so its sender first takes a claim by the same condition and then looks whether the object is there.
Each put bears a nonce of its own: a request that was repeated after a lost answer meets its own object, and
that is no conflict. Claims of dead processes are removed after a day.

Reads fetch windows of 4 MiB by range: a slow reader holds no connection open, no whole body lies in memory.
Errors name operation, status and S3 code alone: never keys, never addresses, never what the server said.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256 as new_sha256
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import obstore
import structlog
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from hub.ports.blobs import (
    CHUNK_BYTES,
    BlobDamaged,
    BlobEntry,
    BlobExists,
    BlobMissing,
    BlobStoreError,
    BlobStoreFailed,
    BlobStoreFull,
)
from hub.storage.spools import Spools

log = structlog.get_logger(__name__)

PART_BYTES: Final = 5 * 1024 * 1024
PARTS_AT_ONCE: Final = 2
UPLOADS_AT_ONCE: Final = 8
"""So that many bodies at once cost at most 8 × 2 parts of memory."""
WINDOW_BYTES: Final = 4 * 1024 * 1024
LIST_PAGE: Final = 1_000
CLAIM_AGE: Final = timedelta(days=1)
NONCE: Final = "lienthong-put"

_UUID_NAME: Final = re.compile(r"objects/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_STATUS: Final = re.compile(r"status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>(\w{1,60})</Code>")
_FULL_CODES: Final = frozenset(
    {"QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull", "InsufficientStorage"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """Where the bucket is and who asks. Without `key_id` the machine's own credentials are used.

    `timeout_s` bounds one request, `total_s` one operation with its repetitions; `capacity_bytes` is what may
    lie in the bucket, None where there is no limit.
    """

    bucket: str
    endpoint: str | None
    region: str
    prefix: str
    key_id: str | None
    secret: str | None
    path_style: bool
    ca_certificates: bytes | None
    connect_s: float
    timeout_s: float
    total_s: float
    capacity_bytes: int | None


class S3BlobStore:
    """The BlobStore of one bucket."""

    def __init__(self, options: S3Options, *, spools: Path) -> None:
        """Make the folder of spools where it is missing; nothing is asked of the bucket yet.

        Raises BlobStoreFull or BlobStoreFailed (the folder), ValueError (options that cannot be).
        """
        self._spools = Spools(spools)
        self._total_s = options.total_s
        self._capacity = options.capacity_bytes
        self._used: int | None = None
        self._uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)
        self._store = _client(options)

    def close(self) -> None:
        """Let the threads go once their work is done."""
        self._spools.close()

    # ------------------------------------------------------------------ spools

    async def new_spool(self) -> Path:
        """Make a fresh private folder on the local disk."""
        return await self._spools.new()

    async def drop_spool(self, spool: Path) -> None:
        """Remove a spool folder with all that is in it."""
        await self._spools.drop(spool)

    async def clear_spools(self, older_than: timedelta) -> int:
        """Remove the spool folders last touched longer ago than that, and claims of the dead.

        A bucket that cannot be reached does not keep a node from starting: it takes in nothing until then.
        """
        removed = await self._spools.clear(older_than)
        try:
            await self._clear_claims()
        except BlobStoreError as error:
            log.warning("blob_claims_not_cleared", reason=str(error))
        return removed

    # ------------------------------------------------------------------ blobs

    async def put(self, blob_id: UUID, source: Path) -> None:
        """Make a file of a spool the blob `blob_id`."""
        handle = await self._spools.run(os.open, source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as file:
            size = os.fstat(handle).st_size
            async with self._uploads:
                with self._failures("put"):
                    async with asyncio.timeout(self._total_s):
                        if size <= PART_BYTES:
                            await self._put_whole(blob_id, await self._spools.run(file.read))
                        else:
                            await self._put_in_parts(blob_id, file, size)
        if self._used is not None:
            self._used += size
        await self._spools.run(source.unlink)

    async def _put_whole(self, blob_id: UUID, content: bytes) -> None:
        nonce = secrets.token_hex(16)
        key = _key(blob_id)
        try:
            await obstore.put_async(
                self._store, key, content, mode="create", use_multipart=False, attributes={NONCE: nonce}
            )
        except AlreadyExistsError:
            found = await obstore.get_async(self._store, key)
            if found.attributes.get(NONCE) != nonce:
                raise BlobExists(blob_id) from None

    async def _put_in_parts(self, blob_id: UUID, file: IO[bytes], size: int) -> None:
        nonce = secrets.token_bytes(16)
        claim, key = f"claims/{blob_id}", _key(blob_id)
        try:
            await obstore.put_async(self._store, claim, nonce, mode="create", use_multipart=False)
        except AlreadyExistsError:
            holder = await (await obstore.get_async(self._store, claim)).bytes_async()
            if bytes(holder) != nonce:
                raise BlobExists(blob_id) from None
        try:
            if await self._size(key) is not None:
                raise BlobExists(blob_id)
            await obstore.put_async(
                self._store,
                key,
                file,
                use_multipart=True,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
            if await self._size(key) != size:
                raise BlobStoreFailed("S3 put: the stored object has another size")
        finally:
            await self._drop_claim(claim)

    async def _drop_claim(self, claim: str) -> None:
        try:
            await obstore.delete_async(self._store, claim)
        except (BaseError, OSError) as error:
            # It bars nobody: an id is used once. The next start removes it.
            log.warning("blob_claim_left", reason=_described("delete", error))

    async def read(
        self, blob_id: UUID, *, sha256: bytes | None = None, chunk_size: int = CHUNK_BYTES
    ) -> AsyncIterator[bytes]:
        """Stream a blob; the last chunk comes only once the digest has been found right."""
        digest = new_sha256()
        ahead = b""
        async for chunk in self._chunks(blob_id, chunk_size):
            digest.update(chunk)
            if ahead:
                yield ahead
            ahead = chunk
        if sha256 is not None and digest.digest() != sha256:
            raise BlobDamaged(blob_id, expected=sha256, found=digest.digest())
        if ahead:
            yield ahead

    async def _chunks(self, blob_id: UUID, chunk_size: int) -> AsyncIterator[bytes]:
        start, size = 0, 1
        while start < size:
            window, size = await self._window(blob_id, start)
            if not window and size:
                raise BlobStoreFailed("S3 get: an empty answer")
            view = memoryview(window)
            for at in range(0, len(window), chunk_size):
                yield bytes(view[at : at + chunk_size])
            start += len(window)

    async def _window(self, blob_id: UUID, start: int) -> tuple[bytes, int]:
        # Returns some bytes from `start` on and the size of the whole.
        key = _key(blob_id)
        with self._failures("get", blob_id):
            async with asyncio.timeout(self._total_s):
                try:
                    found = await obstore.get_async(
                        self._store, key, options={"range": (start, start + WINDOW_BYTES)}
                    )
                except BaseError as error:
                    # No range fits an empty object.
                    if _status(error) == 416 and await self._size(key) == 0:
                        return b"", 0
                    raise
                return bytes(await found.bytes_async()), found.meta["size"]

    @asynccontextmanager
    async def local(self, blob_id: UUID) -> AsyncIterator[Path]:
        """Give a copy of the blob in a spool of its own, which goes with the context."""
        spool = await self._spools.new()
        try:
            path = spool / str(blob_id)
            run = self._spools.run
            file = await run(path.open, "xb")
            try:
                async for chunk in self._chunks(blob_id, PART_BYTES):
                    await run(file.write, chunk)
            finally:
                await run(file.close)
            await run(path.chmod, 0o400)
            yield path
        finally:
            await self._spools.drop(spool)

    async def delete(self, blob_id: UUID) -> None:
        """Remove a blob."""
        with self._failures("delete"):
            async with asyncio.timeout(self._total_s):
                try:
                    await obstore.delete_async(self._store, _key(blob_id))
                except FileNotFoundError as error:
                    _refuse_missing_bucket(error)

    async def entries(self) -> AsyncIterator[BlobEntry]:
        """List every blob, a page in memory at a time; a listing that ended tells how much is used."""
        used = 0
        async for page in self._pages("objects"):
            for meta in page:
                used += meta["size"]
                name = _UUID_NAME.fullmatch(meta["path"])
                if name is not None:
                    yield BlobEntry(
                        blob_id=UUID(name[1]), size=meta["size"], modified_at=meta["last_modified"]
                    )
        self._used = used

    async def free_bytes(self) -> tuple[int, int]:
        """Return (free, total) bytes of what fills first: the disk of the spools, or the bucket's capacity.

        What lies in the bucket is known from the last whole listing (the janitor's) and the puts since.
        """
        free, total = await self._spools.space()
        if self._capacity is not None:
            left = max(0, self._capacity - (self._used or 0))
            if left < free:
                return left, self._capacity
        return free, total

    # ------------------------------------------------------------------ inside

    async def _clear_claims(self) -> None:
        limit = datetime.now(UTC) - CLAIM_AGE
        async for page in self._pages("claims"):
            for meta in page:
                if meta["last_modified"] < limit:
                    await self._drop_claim(meta["path"])

    async def _pages(self, folder: str) -> AsyncIterator[Sequence[obstore.ObjectMeta]]:
        pages = obstore.list(self._store, folder, chunk_size=LIST_PAGE)
        while True:
            with self._failures("list"):
                try:
                    async with asyncio.timeout(self._total_s):
                        page = await anext(pages)
                except StopAsyncIteration:
                    return
            yield page

    async def _size(self, key: str) -> int | None:
        try:
            return (await obstore.head_async(self._store, key))["size"]
        except FileNotFoundError as error:
            _refuse_missing_bucket(error)
            return None

    @contextmanager
    def _failures(self, operation: str, blob_id: UUID | None = None) -> Iterator[None]:
        # The library's errors hold addresses and the server's words: nothing of them goes on as it is.
        try:
            yield
        except FileNotFoundError as error:
            _refuse_missing_bucket(error)
            if blob_id is None:
                raise BlobStoreFailed(_described(operation, error)) from None
            raise BlobMissing(blob_id) from None
        except TimeoutError:
            raise BlobStoreFailed(f"S3 {operation}: no answer in time") from None
        except (BaseError, OSError) as error:
            kind = BlobStoreFull if _is_full(error) else BlobStoreFailed
            raise kind(_described(operation, error)) from None


def _key(blob_id: UUID) -> str:
    return f"objects/{blob_id}"


def _client(options: S3Options) -> S3Store:
    request = timedelta(seconds=options.timeout_s)
    plain = (options.endpoint or "").startswith("http://")
    given: dict[str, object] = {
        "region": options.region,
        "virtual_hosted_style_request": not options.path_style,
        # Not every implementation has the bulk call; a hub deletes one blob at a time.
        "disable_bulk_delete": True,
        "client_options": {
            "allow_http": plain,
            "connect_timeout": timedelta(seconds=options.connect_s),
            "read_timeout": request,
            "timeout": request,
        },
        "retry_config": {"max_retries": 3, "retry_timeout": timedelta(seconds=options.total_s)},
    }
    if options.ca_certificates is not None:
        given["client_options"] = {
            **_mapping(given["client_options"]),
            "root_certificate": options.ca_certificates,
        }
    if options.endpoint is not None:
        given["endpoint"] = _endpoint(options)
    if options.key_id is not None and options.secret is not None:
        given |= {"access_key_id": options.key_id, "secret_access_key": options.secret}
    make: Callable[..., S3Store] = S3Store
    try:
        return make(options.bucket, prefix=options.prefix or None, **given)
    except BaseError as error:
        raise ValueError(f"the S3 options are not usable ({type(error).__name__})") from None


def _mapping(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}


def _endpoint(options: S3Options) -> str:
    # With virtual hosts the library wants the bucket in the host's name.
    parts = urlsplit(options.endpoint or "")
    if options.path_style:
        return urlunsplit(parts)
    return urlunsplit(parts._replace(netloc=f"{options.bucket}.{parts.netloc}"))


def _status(error: Exception) -> int | None:
    found = _STATUS.search(str(error))
    return int(found[1]) if found else None


def _s3_code(error: Exception) -> str:
    found = _CODE.search(str(error))
    return found[1] if found else ""


def _is_full(error: Exception) -> bool:
    return _status(error) == 507 or _s3_code(error) in _FULL_CODES


def _described(operation: str, error: Exception) -> str:
    facts = [str(_status(error) or ""), _s3_code(error)]
    return f"S3 {operation}: " + (" ".join(fact for fact in facts if fact) or type(error).__name__)


def _refuse_missing_bucket(error: Exception) -> None:
    if _s3_code(error) == "NoSuchBucket":
        raise BlobStoreFailed("S3: there is no such bucket") from None
