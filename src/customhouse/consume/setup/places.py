"""Which files of pip, uv and Poetry say where packages come from: for a user, or for one project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from customhouse.consume.setup.pip_conf import with_index
from customhouse.consume.setup.tables import poetry_with_source, poetry_with_user, uses_poetry, uv_with_index
from customhouse.consume.view_address import Place
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

TOKEN_USER = "__token__"  # noqa: S105 - the user name that every index takes for tokens
CODE = "bad-configuration"
MOST_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Target:
    """One file, and what is to become of it."""

    tool: str
    """pip | uv | poetry"""
    path: Path
    change: Callable[[str], str]
    """From its text to the new one. Raises `Rejected`."""


def config_home(environment: Mapping[str, str]) -> Path:
    """Where a user's settings lie (XDG base directories)."""
    told = Path(environment.get("XDG_CONFIG_HOME") or "")
    # A relative path is to be passed over, says the specification.
    return told if told.is_absolute() else home(environment) / ".config"


def home(environment: Mapping[str, str]) -> Path:
    """The user's folder."""
    return Path(environment["HOME"]) if environment.get("HOME") else Path.home()


def pip_file(environment: Mapping[str, str]) -> Path:
    """The user's pip.conf."""
    return config_home(environment) / "pip" / "pip.conf"


def uv_file(environment: Mapping[str, str]) -> Path:
    """The user's uv.toml."""
    return config_home(environment) / "uv" / "uv.toml"


def poetry_auth_file(environment: Mapping[str, str]) -> Path:
    """Where Poetry keeps users."""
    told = environment.get("POETRY_CONFIG_DIR")
    return (Path(told) if told else config_home(environment) / "pypoetry") / "auth.toml"


def url_of(place: Place, *, token: bool) -> str:
    """The address that tools are given; with the user that a keyring is asked for, and never with a secret."""
    return place.simple.replace("://", f"://{TOKEN_USER}@", 1) if token else place.simple


def targets_of_user(place: Place, environment: Mapping[str, str], *, token: bool) -> tuple[list[Target], list[str]]:
    """The files of a user, and what cannot be set up so. Sentences."""
    url = url_of(place, token=token)
    pip, uv = pip_file(environment), uv_file(environment)
    return [
        Target("pip", pip, partial(with_index, url=url, keyring=token)),
        Target("uv", uv, partial(uv_with_index, url=url, where=str(uv), keyring=token)),
    ], ["Poetry has no index for a user: for each of its projects, `customhouse use VIEW --project DIR`."]  # fmt: skip


def targets_of_project(
    place: Place, folder: Path, environment: Mapping[str, str], *, token: bool
) -> tuple[list[Target], list[str]]:
    """The files of one project, and what cannot be set up so. Sentences."""
    url = url_of(place, token=token)
    found: list[Target] = []
    notes: list[str] = []
    venv = next((one for one in (folder / ".venv", folder / "venv") if (one / "pyvenv.cfg").is_file()), None)
    if venv is not None:
        found.append(Target("pip", venv / "pip.conf", partial(with_index, url=url, keyring=token)))
    else:
        notes.append(f"pip has no settings of a project, and there is no environment in {folder}: make .venv, then do"
                     " this again, or leave --project.")  # fmt: skip
    project, uv = folder / "pyproject.toml", folder / "uv.toml"
    # Where both are there uv reads uv.toml alone.
    if uv.is_file() or not project.is_file():
        found.append(Target("uv", uv, partial(uv_with_index, url=url, where=str(uv), keyring=token)))
    changes: list[Callable[[str], str]] = []
    if project.is_file() and not uv.is_file():
        changes.append(partial(uv_with_index, url=url, where=str(project), inside=("tool", "uv"), keyring=token))
    if project.is_file() and uses_poetry(read_plain(project) or "", str(project)):
        changes.append(partial(poetry_with_source, url=place.simple, where=str(project)))
        if token:
            auth = poetry_auth_file(environment)
            found.append(Target("poetry", auth, partial(poetry_with_user, user=TOKEN_USER, where=str(auth))))
    if changes:
        tools = "uv and poetry" if len(changes) > 1 else "poetry" if uv.is_file() else "uv"
        found.append(Target(tools, project, partial(_all, changes)))
    return found, notes


def _all(changes: list[Callable[[str], str]], text: str) -> str:
    for one in changes:
        text = one(text)
    return text


def read_plain(path: Path) -> str | None:
    """The text of a settings file, as it is; None if there is none. Raises `Rejected`."""
    try:
        if not path.exists():
            if path.is_symlink():
                raise Rejected(CODE, named(path), "it is a link that leads nowhere", "mend or remove the link")
            return None
        if not path.is_file():
            raise Rejected(CODE, named(path), "it is no plain file", "a file")
        body = path.read_bytes()
    except OSError as error:
        raise Rejected(CODE, named(path), error.strerror or "it cannot be read", "a file that can be read") from error
    if len(body) > MOST_BYTES:
        raise Rejected(CODE, named(path), f"it has {len(body)} bytes", f"at most {MOST_BYTES}")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected(CODE, named(path), "it is no text in UTF-8", "UTF-8", offset=error.start) from None
    if text.startswith("\ufeff") or "\0" in text:
        raise Rejected(CODE, named(path), "it begins with a mark of byte order or holds a NUL", "plain UTF-8")
    return text


def named(path: Path) -> str:
    """A path for people; of a link, where it leads."""
    leads = path.resolve()
    shown = plain(path, 300)
    return f"{shown} (a link to {plain(leads, 300)})" if path.is_symlink() else shown


def refuse_unwritable(path: Path) -> None:
    """Raise `Rejected` unless the file can be written, or made. A file that nobody may write is left, also by root."""
    target = path.resolve()
    if target.exists():
        if not target.stat().st_mode & 0o222:
            raise Rejected(CODE, named(path), "it is read-only", "chmod u+w, or change it by hand; nothing was changed")
        return
    above = target.parent
    while not above.exists():
        above = above.parent
    if not above.is_dir() or not above.stat().st_mode & 0o222:
        raise Rejected(CODE, named(path), f"{plain(above, 200)} is no folder that can be written", "another place")
