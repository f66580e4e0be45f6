"""The reader of each kind of file, by its name or by how it begins. Each is loaded when it is needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.source import CODE, MOST_TEXT_BYTES, read_bytes, read_text
from customhouse.formats.inventory.model import Gap, Subject
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

_LOCKED = re.compile(r'^name = "([^"\n]+)"\r?$', re.MULTILINE)
_IMAGE_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".oci", ".docker")


def requirements(path: Path, options: ReadOptions) -> Subject:
    """A requirements file."""
    from customhouse.consume.audit.read.requirements import read_requirements  # noqa: PLC0415

    return read_requirements(path, options)


def _uv_lock(path: Path, _options: ReadOptions) -> Subject:
    from customhouse.formats.inventory.uv_lock import read_uv_lock  # noqa: PLC0415

    lock, beside = read_text(path), path.with_name("pyproject.toml")
    found = read_uv_lock(lock, str(path))
    if path.name != "uv.lock" or not beside.is_file():
        return found
    return replace(found, gaps=(*found.gaps, *_not_locked(lock, beside)))


def _not_locked(lock: str, project: Path) -> Iterator[Gap]:
    """What a project asks for by now, on every platform, and its lock does not know: the next sync brings it."""
    from customhouse.formats.inventory.pyproject import read_pyproject  # noqa: PLC0415
    from customhouse.formats.inventory.requirement import split_requirement  # noqa: PLC0415

    try:
        told = read_pyproject(read_text(project), str(project))
    except Rejected:
        # The lock is what is audited.
        return
    locked = {normalize(name) for name in _LOCKED.findall(lock)} | {told.name}
    asked = {one.name: asked.place for asked in told.asked if (one := split_requirement(asked.text)) and not one.marker}
    for name, place in asked.items():
        if name not in locked:
            yield Gap(place, f"{name} is asked for and not locked", "run `uv lock`, then audit again")


def _pylock(path: Path, _options: ReadOptions) -> Subject:
    from customhouse.formats.inventory.pylock import read_pylock  # noqa: PLC0415

    return read_pylock(read_text(path), str(path))


def _poetry_lock(path: Path, _options: ReadOptions) -> Subject:
    from customhouse.formats.inventory.poetry_lock import read_poetry_lock  # noqa: PLC0415

    beside = path.with_name("pyproject.toml")
    return read_poetry_lock(read_text(path), str(path), read_text(beside) if beside.is_file() else "")


def _pipfile_lock(path: Path, _options: ReadOptions) -> Subject:
    from customhouse.formats.inventory.pipfile_lock import read_pipfile_lock  # noqa: PLC0415

    beside = path.with_name("Pipfile")
    return read_pipfile_lock(read_text(path), str(path), read_text(beside) if beside.is_file() else "")


def _pyproject(path: Path, options: ReadOptions) -> Subject:
    for name in ("uv.lock", "pylock.toml", "poetry.lock"):
        if (beside := path.with_name(name)).is_file():
            return replace(found := BY_NAME[name](beside, options), title=f"{found.title}, the lock beside {path.name}")
    from customhouse.consume.audit.read.project import read_project  # noqa: PLC0415

    return read_project(path, options)


BY_NAME: dict[str, Callable[[Path, ReadOptions], Subject]] = {
    "uv.lock": _uv_lock,
    "pylock.toml": _pylock,
    "poetry.lock": _poetry_lock,
    "pipfile.lock": _pipfile_lock,
    "pyproject.toml": _pyproject,
}


def by_content(path: Path, head: bytes, options: ReadOptions) -> tuple[Subject, ...]:
    """The subjects of a file whose name does not tell what it is. Raises `Rejected`."""
    name = path.name.lower()
    if name.endswith((".whl", ".egg", ".zip")) or _is_sdist(path):
        from customhouse.consume.audit.read.distribution import read_distribution  # noqa: PLC0415

        return (read_distribution(path, options),)
    if name.endswith(_IMAGE_ENDINGS) or head[257:262] == b"ustar":
        from customhouse.consume.audit.read.image import read_image  # noqa: PLC0415

        return read_image(path, options)
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if plain.startswith(b"{"):
        return (_json(path),)
    if plain.startswith(b"<"):
        from customhouse.formats.inventory.cyclonedx import read_cyclonedx_xml  # noqa: PLC0415

        return (read_cyclonedx_xml(read_bytes(path, MOST_TEXT_BYTES), str(path)),)
    if b"SPDXVersion:" in head:
        from customhouse.formats.inventory.spdx import read_spdx_tags  # noqa: PLC0415

        return (read_spdx_tags(read_text(path), str(path)),)
    raise Rejected(
        CODE, str(path), "neither its name nor its content tells what it is",
        "a lock file, a requirements file (.txt), an SBOM in JSON, XML or tags, a wheel, an sdist or an image",
    )  # fmt: skip


def _is_sdist(path: Path) -> bool:
    """``NAME-VERSION.tar.gz``, which an image may be called too; then its content decides."""
    from customhouse.formats.inventory.file_version import name_and_version_in  # noqa: PLC0415

    name = path.name.lower()
    if not name.endswith((".tar.gz", ".tgz", ".tar.bz2")) or name_and_version_in(path.name) is None:
        return False
    from customhouse.consume.audit.read.image import is_image  # noqa: PLC0415

    return not is_image(path)


def _json(path: Path) -> Subject:
    """What JSON says it is: CycloneDX, SPDX, or a Pipfile.lock under another name."""
    from customhouse.formats.strict_json import read_json  # noqa: PLC0415

    body = read_text(path)
    try:
        values = read_json(body)
    except ValueError as error:
        raise Rejected(CODE, str(path), f"it is no JSON: {str(error)[:200]}", "an SBOM or a Pipfile.lock") from None
    keys = values.keys() if isinstance(values, dict) else ()
    if "bomFormat" in keys:
        from customhouse.formats.inventory.cyclonedx import read_cyclonedx_values  # noqa: PLC0415

        return read_cyclonedx_values(values, str(path))
    if "spdxVersion" in keys or "@graph" in keys:
        from customhouse.formats.inventory.spdx import read_spdx_values  # noqa: PLC0415

        return read_spdx_values(values, str(path))
    if "_meta" in keys:
        return _pipfile_lock(path, ReadOptions())
    raise Rejected(CODE, str(path), "this JSON is no kind that is known", "CycloneDX, SPDX or a Pipfile.lock")
