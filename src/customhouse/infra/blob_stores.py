"""The store that the settings name."""

from __future__ import annotations

from customhouse.infra.blobs import Blobs
from customhouse.infra.blobs_local import LocalBlobs
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Rejected


def open_blobs(settings: Settings) -> Blobs:
    """Local files by default, an S3 bucket for ``s3://…``; raises `Rejected` for anything else."""
    if not settings.blobs:
        return LocalBlobs(settings.data / "blobs")
    if settings.blobs.startswith("s3://"):
        from customhouse.infra.blobs_s3 import open_s3  # noqa: PLC0415 - most installations need no object store

        return open_s3(settings)
    raise Rejected("bad-setting", "blobs", f"{settings.blobs!r} names no store", "s3://BUCKET[/PREFIX], or empty")
