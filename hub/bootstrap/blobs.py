"""The store of documents as sent: a folder, or a bucket where one is set."""

from __future__ import annotations

from hub.config import Settings
from hub.config.storage import S3
from hub.ports.blobs import BlobStoreFailed
from hub.storage.blobs_local import LocalBlobStore
from hub.storage.blobs_s3 import S3BlobStore, S3Options


def open_blobs(settings: Settings) -> LocalBlobStore | S3BlobStore:
    """Open the store that is set; whoever opens it closes it.

    Raises BlobStoreFull, BlobStoreFailed: the folder of blobs or of spools, or the options of the bucket,
    cannot be used.
    """
    if settings.s3.bucket is None:
        return LocalBlobStore(settings.blobs_path)
    try:
        return S3BlobStore(s3_options_of(settings.s3), spools=settings.blobs_path / "tmp")
    except ValueError as error:
        raise BlobStoreFailed(str(error)) from error


def s3_options_of(s3: S3) -> S3Options:
    if s3.bucket is None:
        raise ValueError("no bucket is set")
    try:
        certificates = None if s3.ca_file is None else s3.ca_file.read_bytes()
    except OSError as error:
        raise ValueError(f"{s3.ca_file}: {error.strerror}") from error
    return S3Options(
        bucket=s3.bucket,
        endpoint=s3.endpoint,
        region=s3.region,
        prefix=s3.prefix,
        key_id=s3.key_id,
        secret=None if s3.secret is None else s3.secret.get_secret_value(),
        path_style=s3.path_style,
        ca_certificates=certificates,
        connect_s=s3.connect_s,
        timeout_s=s3.timeout_s,
        total_s=s3.total_s,
        capacity_bytes=s3.capacity_bytes,
    )
