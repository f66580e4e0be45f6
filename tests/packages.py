"""Small real distributions, built in memory: what a publisher would send."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Dist:
    """One distribution file."""

    filename: str
    body: bytes
    metadata: str
    filetype: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def metadata_text(name: str, version: str, *, description: str = "", headers: Mapping[str, str] | None = None) -> str:
    lines = {"Metadata-Version": "2.4", "Name": name, "Version": version, "Summary": f"The {name} package"}
    lines |= headers or {}
    return "".join(f"{key}: {value}\n" for key, value in lines.items()) + (f"\n{description}" if description else "")


def wheel(
    name: str = "demo",
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    description: str = "",
    headers: Mapping[str, str] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Dist:
    """A well-formed wheel with one module, or with the files given."""
    stem = name.replace("-", "_").replace(".", "_").lower()
    info = f"{stem}-{version}.dist-info"
    metadata = metadata_text(name, version, description=description, headers=headers)
    members = dict(files or {f"{stem}/__init__.py": f"__version__ = {version!r}\n".encode()})
    members[f"{info}/METADATA"] = metadata.encode()
    members[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    record = "".join(f"{path},sha256={_urlsafe(body)},{len(body)}\n" for path, body in members.items())
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, body in members.items():
            archive.writestr(zipfile.ZipInfo(path), body, zipfile.ZIP_DEFLATED)
    return Dist(f"{stem}-{version}-{tag}.whl", whole.getvalue(), metadata, "bdist_wheel")


def sdist(
    name: str = "demo", version: str = "1.0", *, description: str = "", headers: Mapping[str, str] | None = None
) -> Dist:
    """A well-formed sdist with a pyproject.toml and one module."""
    stem = name.replace("-", "_").replace(".", "_").lower()
    top = f"{stem}-{version}"
    metadata = metadata_text(name, version, description=description, headers=headers)
    members = {
        f"{top}/PKG-INFO": metadata.encode(),
        f"{top}/pyproject.toml": f"[project]\nname = {name!r}\nversion = {version!r}\n".encode(),
        f"{top}/{stem}/__init__.py": f"__version__ = {version!r}\n".encode(),
    }
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, body in members.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return Dist(f"{top}.tar.gz", gzip.compress(plain.getvalue(), mtime=0), metadata, "sdist")


def form_fields(dist: Dist, name: str, version: str) -> list[tuple[str, str]]:
    """The fields that an upload client sends beside the file."""
    return [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("metadata_version", "2.4"),
        ("name", name),
        ("version", version),
        ("filetype", dist.filetype),
        ("pyversion", "source" if dist.filetype == "sdist" else "py3"),
        ("summary", f"The {name} package"),
        ("sha256_digest", dist.sha256),
        ("md5_digest", hashlib.md5(dist.body, usedforsecurity=False).hexdigest()),
    ]


def _urlsafe(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
