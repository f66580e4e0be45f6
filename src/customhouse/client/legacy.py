"""The legacy upload, for an index without Upload 2.0: one form for each file, one after the other."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from customhouse.client.dists import Dist, Release
from customhouse.client.news import FileState, Moved, Tell
from customhouse.client.patience import Patience
from customhouse.client.sending import Outcome
from customhouse.client.simple_page import published_digest
from customhouse.client.wire import Wire
from customhouse.formats.filenames import WheelName
from customhouse.terms.errors import CustomhouseError

BATCH_BYTES = 256 * 2**10
ACCEPTED = 202


def upload_release(wire: Wire, release: Release, attestations: Mapping[str, str], tell: Tell) -> list[Outcome]:
    """Send the files of a release, as twine would. After the first that fails, no more are sent."""
    outcomes: list[Outcome] = []
    for dist in release.dists:
        tell(FileState(dist.filename, "sending"))
        try:
            staged = _upload(wire, dist, attestations.get(dist.filename), tell)
        except CustomhouseError as error:
            if published_digest(wire, release.normalized, dist.filename) == dist.sha256:
                tell(FileState(dist.filename, "already published"))
                outcomes.append(Outcome(dist, "already published"))
                continue
            tell(FileState(dist.filename, "failed", str(error)))
            outcomes.append(Outcome(dist, "failed", error))
            break
        state: Literal["staged", "published"] = "staged" if staged else "published"
        tell(FileState(dist.filename, state))
        outcomes.append(Outcome(dist, state))
    return outcomes


def _upload(wire: Wire, dist: Dist, attestations: str | None, tell: Tell) -> bool:
    """Whether the file waits for people: Customhouse answers 202 then."""
    boundary = f"customhouse-{secrets.token_hex(16)}"
    fields = form_fields(dist)
    if attestations is not None:
        fields.append(("attestations", attestations))
    head, tail = _around(boundary, fields, dist.filename)

    def body() -> Iterator[bytes]:
        yield head
        yield from _content(dist, wire.patience, tell)
        yield tail

    answer = wire.ask(
        "POST", wire.index.legacy, headers={"Content-Type": f"multipart/form-data; boundary={boundary}"}, body=body,
        size_bytes=len(head) + dist.size_bytes + len(tail),
    )  # fmt: skip
    return answer.status == ACCEPTED


def form_fields(dist: Dist) -> list[tuple[str, str]]:
    """The form as PyPI's own documentation spells it: the metadata of the file, and its digests."""
    metadata, sha256, blake2, md5 = dist.metadata, hashlib.sha256(), hashlib.blake2b(digest_size=32), _md5()
    with dist.path.open("rb") as file:
        while batch := file.read(BATCH_BYTES):
            for one in (sha256, blake2, md5):
                one.update(batch)
    python = dist.filename.removesuffix(".whl").split("-")[-3] if isinstance(dist.parsed, WheelName) else "source"
    single = {
        ":action": "file_upload",
        "protocol_version": "1",
        "filetype": dist.kind,
        "pyversion": python,
        "metadata_version": metadata.metadata_version,
        "name": metadata.name,
        "version": metadata.version,
        "summary": metadata.summary,
        "description": metadata.description,
        "description_content_type": metadata.description_content_type,
        "keywords": ",".join(metadata.keywords),
        "home_page": metadata.home_page,
        "download_url": metadata.download_url,
        "author": metadata.author,
        "author_email": metadata.author_email,
        "maintainer": metadata.maintainer,
        "maintainer_email": metadata.maintainer_email,
        "license": metadata.license,
        "license_expression": metadata.license_expression,
        "requires_python": metadata.requires_python,
        "sha256_digest": sha256.hexdigest(),
        "blake2_256_digest": blake2.hexdigest(),
        "md5_digest": md5.hexdigest(),
    }
    several: dict[str, Sequence[str]] = {
        "license_files": metadata.license_files,
        "classifiers": metadata.classifiers,
        "platform": metadata.platforms,
        "requires_dist": metadata.requires_dist,
        "requires_external": metadata.requires_external,
        "provides_dist": metadata.provides_dist,
        "obsoletes_dist": metadata.obsoletes_dist,
        "provides_extra": metadata.provides_extra,
        "project_urls": [f"{label}, {url}" for label, url in metadata.project_urls],
        "dynamic": metadata.dynamic,
        "import_names": metadata.import_names or (),
        "import_namespaces": metadata.import_namespaces or (),
    }
    return [
        *((name, value) for name, value in single.items() if value),
        *((name, value) for name, values in several.items() for value in values),
    ]


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)


def _around(boundary: str, fields: Sequence[tuple[str, str]], filename: str) -> tuple[bytes, bytes]:
    """What stands before and after the file's bytes in the form (RFC 7578)."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    ]
    content = f'Content-Disposition: form-data; name="content"; filename={json.dumps(filename)}'
    head = f"{''.join(parts)}--{boundary}\r\n{content}\r\nContent-Type: application/octet-stream\r\n\r\n"
    return head.encode(), f"\r\n--{boundary}--\r\n".encode()


def _content(dist: Dist, patience: Patience, tell: Tell) -> Iterator[bytes]:
    done = 0
    with dist.path.open("rb") as file:
        while batch := file.read(BATCH_BYTES):
            patience.check()
            yield batch
            done += len(batch)
            tell(Moved(dist.filename, done, dist.size_bytes))
