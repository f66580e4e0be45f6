"""Wheels and sdists by their bytes, and folders of them: read by the strict reader that takes in uploads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from customhouse.consume.audit.read.bundled import libraries_of_wheel
from customhouse.consume.audit.read.collected import Collected
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.requirements import subject_of
from customhouse.consume.audit.read.source import CODE
from customhouse.formats.inspect import inspect_archive
from customhouse.formats.inspection import Limits
from customhouse.formats.inventory.file_version import name_and_version_in
from customhouse.formats.inventory.installed import read_installed
from customhouse.formats.inventory.marks import Marks
from customhouse.formats.inventory.model import Component, Edge, Gap, Library, Subject, SubjectKind
from customhouse.formats.inventory.requirement import Requirement
from customhouse.formats.inventory.requirements_file import Wanted
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

ENDINGS = (".whl", ".tar.gz", ".zip", ".egg", ".tgz", ".tar.bz2")
MOST_FILES = 20_000
LIMITS = Limits(expanded_bytes=4 * 2**30)
_NATIVE = (".so", ".pyd", ".dylib", ".dll")


@dataclass(frozen=True, slots=True)
class _Looked:
    """What one file says."""

    component: Component | None = None
    requires: tuple[Requirement, ...] = ()
    libraries: tuple[Library, ...] = ()
    gaps: tuple[Gap, ...] = ()


def read_distribution(path: Path, options: ReadOptions) -> Subject:
    """One wheel or sdist: its own version, what it bundles, and with ``resolve="always"`` what it requires."""
    one = _look_at(path, options)
    if one.component is None:
        raise Rejected(CODE, str(path), one.gaps[0].why, one.gaps[0].next_step)
    kind: SubjectKind = "wheel" if path.name.endswith(".whl") else "sdist"
    subject = Subject(str(path), kind, (one.component,), one.gaps, "", one.libraries)
    if not one.requires:
        return subject
    if options.resolve != "always":
        return replace(subject, title=f"{path} alone, without the {len(one.requires)} projects that it requires")
    return _with_required(subject, [one], path.parent, options)


def read_folder_of_distributions(path: Path, options: ReadOptions) -> Subject:
    """All the wheels and sdists that lie in a folder, such as ``dist/`` or what ``pip download`` has filled."""
    files = distributions_in(path)
    looked = [_look_at(file, options) for file in files[:MOST_FILES]]
    gaps = [gap for one in looked for gap in one.gaps]
    if len(files) > MOST_FILES:
        gaps.append(Gap(str(path), f"more than {MOST_FILES} files: the first ones are audited", "audit it in parts"))
    components = [one.component for one in looked if one.component is not None]
    required = {edge.requires for one in components for edge in one.requires}
    rooted = tuple(replace(one, direct=one.name not in required) for one in components)
    libraries = tuple(library for one in looked for library in one.libraries)
    subject = Subject(f"{path}, {len(files)} wheels and sdists", "folder", rooted, tuple(gaps), "", libraries)
    return _with_required(subject, looked, path, options) if options.resolve == "always" else subject


def _with_required(subject: Subject, looked: Sequence[_Looked], beside: Path, options: ReadOptions) -> Subject:
    """With what uv would install beside the files; what lies there itself is not looked for."""
    own = {one.name for one in subject.components}
    found = Collected()
    for one in looked:
        where = one.component.where if one.component is not None else subject.title
        for required in one.requires:
            if required.name not in own:
                extras = f"[{','.join(sorted(required.extras))}]" if required.extras else ""
                line = f"{required.name}{extras}{required.specifier}"
                found.wanted.append((where, Wanted(0, line, required.name, required.extras, required.specifier)))
    more = subject_of(found, subject.title, options, beside=beside)
    components = (*subject.components, *(replace(one, direct=False) for one in more.components if one.name not in own))
    return replace(subject, components=components, gaps=(*subject.gaps, *more.gaps))


def distributions_in(path: Path) -> list[Path]:
    """The files of a folder whose names are those of distributions, sorted."""
    return sorted(one for one in path.iterdir() if one.name.endswith(ENDINGS) and one.is_file())


def _look_at(path: Path, options: ReadOptions) -> _Looked:
    """The component; what a damaged file's name tells is better than nothing, and a gap says that it is damaged."""
    told = name_and_version_in(path.name)
    try:
        inspection = inspect_archive(path, path.name, LIMITS)
        digest = _digest(path)
    except Rejected as error:
        gap = Gap(str(path), f"the strict reader refuses it: {error}", "get the file again, or build it anew")
        return _Looked(Component(*told, f"{path} (by its name)", direct=True) if told else None, gaps=(gap,))
    except OSError as error:
        return _Looked(gaps=(Gap(str(path), error.strerror or "it cannot be read", "look at its permissions"),))
    found = read_installed(inspection.metadata.encode())
    name, version = (found.name, found.version) if found.name and found.version else told or ("", "")
    if not name:
        return _Looked(gaps=(Gap(str(path), "its metadata tells no name", "build it anew"),))
    marks = Marks(options.python)
    requires = tuple(one for one in found.requires if marks.hold(one.marker))
    component = Component(
        normalize(name),
        version,
        str(path),
        direct=True,
        requires=tuple(dict.fromkeys(Edge(one.name, one.specifier, one.marker) for one in requires)),
        hashes=frozenset({digest}),
        files=tuple(one.name for one in inspection.members if one.name.endswith(_NATIVE) or ".so." in one.name),
    )
    if inspection.kind != "bdist_wheel":
        return _Looked(component, requires)
    libraries, gaps = libraries_of_wheel(path, component.name, LIMITS)
    return _Looked(component, requires, libraries, gaps)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
