"""One resolution by ``uv pip compile`` through one index: its pins with who asked for them, and its ``pylock.toml``.

uv is started in a folder of ours with settings of ours. Neither the project's configuration nor the user's nor a
variable of the environment can name another index; of the project's settings what may be chosen and how counts
(constraints, overrides, pre-releases), and of the environment caches, patience and trust.
"""

from __future__ import annotations

import json
import shutil
import subprocess  # uv is called by a list of arguments, never by a shell
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from customhouse.consume.audit.read.source import read_text
from customhouse.consume.audit.read.uv_settings import settings_for
from customhouse.consume.lock.asked import Asked
from customhouse.formats.plain import plain
from customhouse.terms.errors import Refused, Rejected, Unavailable

SECONDS = 600.0
_NAME = "customhouse"
_MOST_TOLD = 4_000
_KEPT = frozenset({
    "UV_CACHE_DIR", "UV_NO_CACHE", "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_CONCURRENT_DOWNLOADS",
    "UV_CONCURRENT_BUILDS", "UV_PYTHON_INSTALL_DIR", "UV_PYTHON_DOWNLOADS", "UV_KEYRING_PROVIDER", "UV_LINK_MODE",
    "UV_INSECURE_HOST", "UV_REQUEST_TIMEOUT",
})  # fmt: skip
"""Of uv's variables those that say nothing about what is chosen and where it comes from."""
CERTIFICATES = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}
"""Trust whom the system trusts; the second is how older ones call it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How to resolve."""

    asked: Asked
    simple: str
    """The only index."""
    kept: Mapping[str, Sequence[str]]
    """What the old lock holds: versions by name, which stay if they still fit."""
    constraints: str = ""
    """Guidance of the view's amendments that narrows, as lines of a requirements file."""
    widened: str = ""
    """What amended releases require, as settings of uv (``dependency-metadata``)."""
    python: str = ""
    """``3.12`` or the path of a Python; empty: our own."""
    universal: bool = True
    """For every platform; else for this one."""
    token: str = field(default="", repr=False)
    """What opens the index; handed to uv by its environment, where no list of processes shows it."""
    build: bool = False
    """Whether what has no wheel may be built, which runs it."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What uv has chosen, twice: with hashes and ``# via``, and as PEP 751."""

    requirements: str
    pylock: str


def resolve(wish: Wish, environment: Mapping[str, str]) -> Resolved:
    """Resolve.

    Raises `Refused` with what uv says if there is no solution, `Rejected` without uv or with settings that cannot be
    read, and `Unavailable` if uv does not end or the index is away.
    """
    settings = settings_for(wish.asked.sources[0].parent, places=False)
    with TemporaryDirectory(prefix="customhouse-lock-") as name:
        folder = Path(name)
        (folder / "uv.toml").write_text(f"{settings}\n{_index(wish)}\n{wish.widened}", "utf-8")
        environment = sealed(environment) | _credentials(wish)
        _write(folder / "wanted.txt", [one.text for _place, one in wish.asked.wanted])
        _write(folder / "constraints.txt", [one.text for _place, one in wish.asked.constraints] + [wish.constraints])
        # What was locked before is what an output file holds: uv keeps it as long as it fits.
        plan = folder / "plan.txt"
        _write(plan, [f"{one}=={version}" for one, some in wish.kept.items() for version in some])
        common = _arguments(folder, wish)
        _run([*common, "--generate-hashes", f"--output-file={plan}"], folder, environment)
        requirements = read_text(plan)
        pylock = folder / "pylock.toml"
        # The same again in the other form, held to what was chosen.
        shutil.copy(plan, folder / "chosen.txt")
        _write(pylock, _chosen(requirements))
        _run([*common, "--format=pylock.toml", f"--output-file={pylock}"], folder, environment)
        return Resolved(requirements, read_text(pylock))


def _arguments(folder: Path, wish: Wish) -> list[str]:
    found = [
        "pip", "compile", "wanted.txt", "--constraints=constraints.txt", f"--config-file={folder / 'uv.toml'}",
        # Asked anew: what was hidden or taken away a minute ago must not come out of a cache.
        "--refresh", "--no-sources", "--no-python-downloads", "--no-header",
        "--quiet", "--no-progress", "--color=never", "--annotation-style=line", "--no-strip-extras",
    ]  # fmt: skip
    found += ["--universal"] if wish.universal else []
    found += [] if wish.build else ["--no-build"]
    if wish.python[:1].isdigit():
        return [*found, f"--python-version={wish.python}", f"--python={sys.executable}"]
    # Our own Python: uv would look for one in the folder of the project, and run it.
    return [*found, f"--python={wish.python or sys.executable}"]


def _chosen(requirements: str) -> list[str]:
    """The chosen versions as the least that is a pylock.toml."""
    from customhouse.formats.inventory.requirements_file import Wanted, read_lines  # noqa: PLC0415 - small

    lines = ['lock-version = "1.0"', 'created-by = "customhouse"']
    for one in read_lines(requirements):
        if isinstance(one, Wanted):
            lines += ["", "[[packages]]", f'name = "{one.name}"', f'version = "{one.specifier.removeprefix("==")}"']
    return [*lines, ""] if len(lines) > 2 else [*lines, "packages = []", ""]  # noqa: PLR2004 - the head alone


def _write(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _run(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and no option can be smuggled in: each is joined to its value
            [uv_program(), *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False,
            cwd=folder, env=dict(environment),
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Unavailable("uv", f"it did not end within {SECONDS:g} s") from error
    except OSError as error:
        raise Rejected("no-uv", "uv", f"it cannot be started: {error.strerror}", "`pip install uv`") from error
    if done.returncode:
        said = plain(done.stderr.decode("utf-8", "replace").replace(str(folder), "…"), _MOST_TOLD)
        if "No solution found" in said or "unsatisfiable" in said:
            raise Refused("no-solution", said, "Nothing was written.", status=409)
        raise Unavailable("uv pip compile", said or f"it ended with {done.returncode}")


def sealed(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what could lead uv elsewhere."""
    kept = {
        key: text for key, text in environment.items()
        if not key.startswith(("UV_", "PIP_")) or key in _KEPT
    }  # fmt: skip
    return {**kept, **CERTIFICATES}


def _index(wish: Wish) -> str:
    """The only index, under a name, so that uv finds what opens it."""
    authenticate = '\nauthenticate = "always"' if wish.token else ""
    return f'[[index]]\nname = "{_NAME}"\nurl = {json.dumps(wish.simple)}\ndefault = true{authenticate}\n'


def _credentials(wish: Wish) -> dict[str, str]:
    if not wish.token:
        return {}
    name = _NAME.upper()
    return {f"UV_INDEX_{name}_USERNAME": "__token__", f"UV_INDEX_{name}_PASSWORD": wish.token}


def uv_program() -> str:
    """The program by its path: what lies beside our own Python counts where the search path has none."""
    beside = Path(sys.executable).with_name("uv")
    program = shutil.which("uv") or (str(beside) if beside.is_file() else "")
    if not program:
        raise Rejected("no-uv", "uv", "it is not installed", "`pip install uv`")
    return program
