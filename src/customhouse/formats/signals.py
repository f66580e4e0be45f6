"""Legal but notable: what a distribution does that an attacker would do too.

A signal never refuses a file. It is stored with it, shown on the project's page and served to policies, which may
hold, hide or ask. Each function here looks at names, or at the first chunk of a file, and runs no code.

Sources: incidents 20 to 23 of the threat list (``.pth`` and install hooks), the ecosystem's reports on typosquats and
script shadowing.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from packaging.metadata import RawMetadata

from customhouse.formats.inspection import Member, Signal
from customhouse.formats.visible import BIDI

MAX_OF_A_KIND = 20
"""Signals with one code that are kept; the rest would say the same."""

_STARTUP_MODULES = ("sitecustomize", "usercustomize")
_MODULE = re.compile(r"([A-Za-z_]\w*)(?:\.py|\.pyc|\.pyw|(?:\.[\w-]+)*\.(?:so|pyd|dylib))", re.ASCII)
EXEC = re.compile(rb"(?<![\w.])(?:exec|eval|compile|__import__)\s*\(")
# Names that somebody types, or that a script calls, expecting something else than this package.
COMMON_TOOLS = frozenset(
    """
    apt apt-get awk aws az bash brew cargo cat cc cd chmod chown clang cmake conda cp curl docker dotnet echo env find
    g++ gcc gcloud git gh go gpg grep gzip head java javac kill kubectl ld ln ls make mkdir mount mv nc netstat nginx
    node npm npx openssl passwd perl php pip pip3 pipx poetry ps psql python python2 python3 pythonw rm rsync ruby
    rustc scp sed sh ssh ssh-add ssh-keygen su sudo systemctl tail tar tee terraform test top touch tr twine uv uvx vi
    vim wget which xargs yarn zip zsh
    """.split()  # noqa: SIM905  # a paragraph reads better than 110 lines
)


def wheel_signals(name: str, members: Sequence[Member], site: Sequence[str], scripts: Sequence[str]) -> list[Signal]:
    """Signals of a wheel, from names alone.

    ``name`` is the project's normalised name, ``site`` the paths as they lie in site-packages, ``scripts`` the names
    that end up on the path.
    """
    return bounded(
        (
            *startup_files(site),
            *shadowed_modules(name, site),
            *foreign_packages(name, site),
            *common_scripts(name, scripts),
            *orphaned_bytecode(site),
            *colliding_names(members),
            *bidirectional_names(members),
        )
    )


def sdist_signals(raw: RawMetadata, members: Sequence[Member], where: str) -> list[Signal]:
    """Signals of an sdist, from names and metadata; ``where`` is the name of its PKG-INFO."""
    paths = [member.name.partition("/")[2] for member in members if member.kind == "file"]
    return bounded(
        (
            *startup_files(paths),
            *orphaned_bytecode(paths),
            *colliding_names(members),
            *bidirectional_names(members),
            *unstatic_metadata(raw, where),
        )
    )


def startup_files(site: Iterable[str]) -> Iterator[Signal]:
    """``pth-file``, ``sitecustomize``: files that Python runs whenever it starts, imported or not.

    PEP 829 adds ``.start`` files with the same power.
    """
    for path in site:
        root, _, rest = path.partition("/")
        if not rest and root.lower().endswith((".pth", ".start")):
            yield Signal("pth-file", path, "runs whenever Python starts")
        elif _module(root, folder=bool(rest)) in _STARTUP_MODULES:
            yield Signal("sitecustomize", path, "runs whenever Python starts")


def shadowed_modules(name: str, site: Iterable[str]) -> Iterator[Signal]:
    """``shadows-stdlib``: a module with the name of one of the standard library's (backports named so are fine)."""
    for module in sorted(_modules(site)):
        if module in sys.stdlib_module_names and module != name.replace("-", "_"):
            yield Signal("shadows-stdlib", module, "the standard library has a module of this name")


def foreign_packages(name: str, site: Iterable[str]) -> Iterator[Signal]:
    """``foreign-top-level``: a module whose name has nothing to do with the project's."""
    own = _letters(name)
    for module in sorted(_modules(site)):
        letters = _letters(module)
        if letters and letters not in own and own not in letters:
            yield Signal("foreign-top-level", module, f"installed by {name}")


def common_scripts(name: str, scripts: Iterable[str]) -> Iterator[Signal]:
    """``common-script-name``: a script with the name of a well-known tool that is not the project's own."""
    for script in scripts:
        plain = script.lower().removesuffix(".exe").removesuffix(".py")
        if plain in COMMON_TOOLS and plain.rstrip("0123456789") != name:
            yield Signal("common-script-name", script, "named like a common tool")


def orphaned_bytecode(paths: Iterable[str]) -> Iterator[Signal]:
    """``bytecode-without-source``: byte code that nobody can read beside its source."""
    present = set(paths)
    for path in sorted(present):
        if path[-4:].lower() in (".pyc", ".pyo") and _source_of(path) not in present:
            yield Signal("bytecode-without-source", path, "byte code without its source")


def _source_of(path: str) -> str:
    """The source of a file of byte code: beside it, or beside its ``__pycache__`` (PEP 3147)."""
    folder, slash, base = path[:-4].rpartition("/")
    if folder.rpartition("/")[2] == "__pycache__":
        folder, slash, _ = folder.rpartition("/")
        base = base.partition(".")[0]
    return f"{folder}{slash}{base}.py"


def colliding_names(members: Sequence[Member]) -> Iterator[Signal]:
    """``case-collision``, ``unicode-collision``: names that are one name on some file systems.

    Folders count too: ``Pkg/a.py`` and ``pkg/b.py`` share a folder on Windows and macOS.
    """
    paths = {member.name for member in members}
    for path in tuple(paths):
        parent = path.rpartition("/")[0]
        while parent and parent not in paths:
            paths.add(parent)
            parent = parent.rpartition("/")[0]
    if len({path.casefold() for path in paths}) == len(paths) and all(path.isascii() for path in paths):
        return
    seen: dict[str, str] = {}
    for path in sorted(paths):
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())
        first = seen.setdefault(folded, path)
        if first != path:
            by_case = unicodedata.normalize("NFKC", first) != unicodedata.normalize("NFKC", path)
            yield Signal("case-collision" if by_case else "unicode-collision", path, f"collides with {first!r}")


def bidirectional_names(members: Iterable[Member]) -> Iterator[Signal]:
    """``bidi-control``: a name that reads otherwise than it is."""
    for member in members:
        if not member.name.isascii() and BIDI.search(member.name):
            yield Signal("bidi-control", member.name, f"reads {ascii(member.name)[:200]}")


def unstatic_metadata(raw: RawMetadata, where: str) -> Iterator[Signal]:
    """``no-static-metadata``: what the sdist installs is known only after running its build (PEP 643)."""
    version = raw.get("metadata_version", "")
    if version in ("1.0", "1.1", "1.2", "2.1"):
        yield Signal("no-static-metadata", where, f"metadata {version} promises nothing")
    elif dynamic := raw.get("dynamic", []):
        yield Signal("no-static-metadata", where, f"dynamic: {', '.join(dynamic)}"[:300])


class EncryptedCode:
    """``encrypted-code``: modules that only a run-time of their maker can read (PyArmor, SourceDefender)."""

    _MARKS = (b"__pyarmor__", b"from pyarmor_runtime", b"from pytransform import", b"---BEGIN PYE FILE---")

    def __init__(self) -> None:
        self.signals: list[Signal] = []

    def glance(self, path: str, head: bytes) -> None:
        """Look at the beginning of one file."""
        if not path.endswith((".py", ".pye")) or len(self.signals) >= MAX_OF_A_KIND:
            return
        if path.endswith(".pye") or any(mark in head for mark in self._MARKS):
            self.signals.append(Signal("encrypted-code", path, "code that cannot be read"))


class SetupScript:
    """``exec-in-setup``: a setup.py that runs text as code while it is being built."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []

    def glance(self, path: str, head: bytes) -> None:
        """Look at the beginning of one file."""
        if path.count("/") == 1 and path.endswith("/setup.py") and (found := EXEC.search(head)):
            line = head.count(b"\n", 0, found.start()) + 1
            self.signals.append(Signal("exec-in-setup", path, f"line {line} runs text as code"))


def _modules(site: Iterable[str]) -> set[str]:
    """Names that become importable at the top level: folders and module files."""
    roots = {(root, bool(rest)) for root, _, rest in (path.partition("/") for path in site)}
    return {module for root, folder in roots if (module := _module(root, folder=folder))}


def _module(root: str, *, folder: bool) -> str:
    """The module that a name at the top of site-packages stands for; empty if none."""
    if folder:
        return root if root.isidentifier() else ""
    found = _MODULE.fullmatch(root)
    return found[1] if found else ""


def _letters(name: str) -> str:
    return re.sub(r"[-_.]", "", name).lower()


def bounded(signals: Iterable[Signal]) -> list[Signal]:
    """At most `MAX_OF_A_KIND` signals with one code."""
    counts: dict[str, int] = {}
    kept: list[Signal] = []
    for signal in signals:
        counts[signal.code] = counts.get(signal.code, 0) + 1
        if counts[signal.code] <= MAX_OF_A_KIND:
            kept.append(signal)
    return kept
