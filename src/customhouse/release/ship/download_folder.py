"""A download server's folder: how files are released that no index of Python packages takes, as on python.org.

The server shows ``path`` to everybody and knows nothing of releases. A release lies beside it, in ``stage`` on the same
file system, where no stranger comes; publishing is one rename of one folder, so that nobody ever sees half a release,
and nothing that is public is ever written to. `SHA256SUMS` tells what belongs to it, so that somebody who can only
download can see that nothing is missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from customhouse.formats.plain import plain
from customhouse.infra.sync_folder import sync_folder
from customhouse.release.actions import Problem, StepRun

SUMS = "SHA256SUMS"
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class DownloadFolder:
    """Where one release is made and where it appears."""

    staged: Path
    """The folder of this release that nobody sees."""
    public: Path
    """The folder that it becomes."""
    url: str
    """Its address for strangers, with a slash at the end; ``file://`` where there is no server."""

    def staged_digests(self) -> dict[str, str] | None:
        """SHA-256 by name of what is staged; None if nothing is."""
        return digests_in(self.staged)

    def public_digests(self) -> dict[str, str] | None:
        """Of what is public, without its `SHA256SUMS`; None if nothing is."""
        return digests_in(self.public)

    def put(self, path: Path, name: str) -> None:
        """Copy a file into the stage, durably; it appears there whole."""
        refuse_odd_name(name)
        self.staged.mkdir(mode=0o755, parents=True, exist_ok=True)
        aside = self.staged.parent / f".{self.staged.name}.{name}.part"
        with path.open("rb") as source, aside.open("wb") as out:
            shutil.copyfileobj(source, out, _CHUNK)
            out.flush()
            os.fsync(out.fileno())
        aside.chmod(0o644)
        aside.replace(self.staged / name)
        sync_folder(self.staged)

    def write_sums(self, digests: Mapping[str, str]) -> None:
        """Write `SHA256SUMS` into the stage, as ``sha256sum`` writes it."""
        aside = self.staged.parent / f".{self.staged.name}.{SUMS}.part"
        with aside.open("wb") as out:
            out.write(sums(digests))
            out.flush()
            os.fsync(out.fileno())
        aside.chmod(0o644)
        aside.replace(self.staged / SUMS)
        sync_folder(self.staged)

    def publish(self) -> bool:
        """Let the stage become public by one rename; False if something is public there already."""
        self.public.parent.mkdir(parents=True, exist_ok=True)
        try:
            # POSIX: a folder is renamed onto nothing or onto an empty folder, and onto nothing else.
            self.staged.rename(self.public)
        except OSError as error:
            if self.public.exists():
                return False
            raise Problem("not-published", f"it cannot be renamed: {error}", place=str(self.public)) from error
        sync_folder(self.public.parent)
        sync_folder(self.staged.parent)
        return True

    def discard(self) -> bool:
        """Remove the stage; False if there is none."""
        if not self.staged.is_dir():
            return False
        shutil.rmtree(self.staged)
        sync_folder(self.staged.parent)
        return True


def folder_of(run: StepRun, env: str = "") -> DownloadFolder:
    """The folder of the step's environment; raises `Problem` for places that would show what nobody may see.

    Settings: ``path`` (what the server shows), ``stage`` (beside it, same file system), ``url`` (of ``path``), and
    ``into`` (below ``path``; the version if nothing is said; may hold ``{version}`` and any parameter).
    """
    place, name = run.place(env), env or run.step.env
    path, stage = place.get("path", ""), place.get("stage", "")
    if not path or not stage:
        raise Problem(
            "no-folder", "the place has no path or no stage", "two folders of one file system", place=name,
            next_step=f"Say --place {name}.path=FOLDER --place {name}.stage=FOLDER.",
        )  # fmt: skip
    root, aside = Path(path), Path(stage)
    if not root.is_dir() or not aside.is_dir():
        missing = root if not root.is_dir() else aside
        raise Problem("no-folder", f"there is no folder {missing}", "a folder that is there", place=name)
    if aside.resolve().is_relative_to(root.resolve()):
        raise Problem(
            "public-stage", f"{aside} lies inside of {root}, which everybody sees", "a folder beside it", place=name
        )
    if root.stat().st_dev != aside.stat().st_dev:
        raise Problem(
            "two-file-systems", f"{aside} is on another file system than {root}, so nothing appears at once",
            "one file system", place=name,
        )  # fmt: skip
    into = _into(run, place.get("into", "{version}"), name)
    base = place.get("url", "") or root.resolve().as_uri()
    url = f"{base.rstrip('/')}/{into}/"
    # Each release of each run has a folder of its own: two operators never write into one.
    return DownloadFolder(aside / f"{run.run}-{into.replace('/', '-')}", root / into, url)


def digests_in(folder: Path) -> dict[str, str] | None:
    """SHA-256 by name of the files in a folder, without `SHA256SUMS`; None if there is no folder.

    A link, or a folder inside, has no digest that could be right.
    """
    if not folder.is_dir():
        return None
    found = {}
    for one in sorted(folder.iterdir()):
        if one.name == SUMS:
            continue
        found[one.name] = "no plain file" if one.is_symlink() or not one.is_file() else _sha256(one)
    return found


def sums(digests: Mapping[str, str]) -> bytes:
    """The text of `SHA256SUMS`."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


def read_sums(text: bytes) -> dict[str, str]:
    """SHA-256 by name; raises `Problem` for lines that ``sha256sum`` would not read."""
    found: dict[str, str] = {}
    for line in text.decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name or name in found:  # noqa: PLR2004 - hexadecimal digits of SHA-256
            raise Problem("bad-sums", f"{plain(line, 80)!r} is no line of {SUMS}", "DIGEST  NAME", place=SUMS)
        found[name] = digest
    return found


def refuse_odd_name(name: str) -> None:
    """A file's name must be a name: no folder, nothing hidden, nothing that we write ourselves."""
    if "/" in name or name.startswith(".") or name in ("", SUMS) or not name.isprintable():
        raise Problem("bad-name", f"{plain(name, 80)!r} cannot be a file's name here", "a plain file name", place=name)


def _into(run: StepRun, text: str, name: str) -> str:
    found = text
    for param, value in run.params.items():
        found = found.replace(f"{{{param}}}", value)
    parts = found.strip("/").split("/")
    if not found.strip("/") or any(part in ("", ".", "..") or "{" in part or part.startswith(".") for part in parts):
        raise Problem("bad-folder", f"into is {plain(text, 80)!r}", "a folder below path, like {version}", place=name)
    return "/".join(parts)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
