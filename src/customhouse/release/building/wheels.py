"""What a build or a test needs, fetched before it is shut in: wheels that a lock names by hash, and nothing else.

The lock is a requirements file with hashes, and comes from the commit. Wheels are kept for the run in a folder named by
the lock's digest, and hashed at each use: a cache that somebody else can write to is found out before anything of it
runs. Wheels alone are taken, because an sdist would run its own code while it is fetched.

Source: pip's documentation ("Hash-checking Mode", "Requirements File Format").
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from packaging.requirements import InvalidRequirement, Requirement

from customhouse.formats.inventory.requirements_file import Fault, Option, read_lines
from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.building.pythons import Python
from customhouse.release.children import Ran
from customhouse.terms.names import normalize

_KEPT = ("PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
         "http_proxy", "https_proxy", "no_proxy")  # fmt: skip
_ORIGINS = ("PIP_INDEX", "PIP_EXTRA", "PIP_FIND", "PIP_NO_INDEX", "PIP_CONSTRAINT", "PIP_TRUSTED", "PIP_CONFIG",
            "PIP_PRE", "PIP_BUILD_CONSTRAINT")  # fmt: skip
_SECONDS = 600.0
_EXPECTED = "lines NAME==VERSION --hash=sha256:DIGEST, as `uv pip compile --generate-hashes` writes them"


@dataclass(frozen=True, slots=True)
class Lock:
    """A requirements file of pins with hashes."""

    where: str
    text: str
    pins: tuple[str, ...]
    """``name==version``, as far as no marker leaves it out elsewhere."""
    hashes: frozenset[str]
    """SHA-256, hexadecimal."""

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def satisfies(self, requirement: str) -> bool:
        """Whether it pins what is asked for, whatever the marker says of this Python."""
        try:
            asked = Requirement(requirement)
        except InvalidRequirement:
            return False
        return any(
            normalize(pin.name) == normalize(asked.name)
            and all(asked.specifier.contains(one.version, prereleases=True) for one in pin.specifier)
            for pin in map(Requirement, self.pins)
        )


NOTHING = Lock("", "", (), frozenset())


def read_lock(body: bytes, where: str) -> Lock:
    """Read a lock; raises `Problem` naming the line that lets something in without a hash."""
    text = body.decode("utf-8", "replace")
    pins, hashes = [], set()
    for line in read_lines(text):
        place = f"{where}, line {line.line}"
        if isinstance(line, Fault):
            raise Problem("lock", line.why, _EXPECTED, place=place)
        if isinstance(line, Option):
            raise Problem(
                "lock", f"it says where to fetch from ({line.kind})", _EXPECTED, place=place,
                next_step="The index is a setting of the place: --place ENVIRONMENT.index=ADDRESS.",
            )  # fmt: skip
        digests = {one.removeprefix("sha256:").lower() for one in line.hashes if one.startswith("sha256:")}
        if not digests or line.address or not line.specifier.startswith("=="):
            raise Problem("lock", f"{line.text!r} is not bound to its bytes", _EXPECTED, place=place)
        pins.append(f"{line.name}{line.specifier}")
        hashes |= digests
    return Lock(where, text, tuple(pins), frozenset(hashes))


def wheels_of(run: StepRun, lock: Lock, python: Python) -> Path:
    """A folder with the lock's wheels for this Python, each hashed just now; raises `Problem` or `Tampered`."""
    environment = run.pipeline.environment(run.step.env)
    shelf = run.repository.parent / "wheels" if environment.cache else run.folder / "wheels"
    folder = shelf / f"{lock.sha256}-{python.tag}"
    if not folder.is_dir():
        shelf.mkdir(parents=True, exist_ok=True)
        fresh = Path(mkdtemp(prefix=".fresh-", dir=shelf))
        _download(run, lock, python, fresh)
        try:
            fresh.rename(folder)
        except OSError:  # somebody else was quicker, with the same bytes
            shutil.rmtree(fresh)
    verify_wheels(folder, lock)
    return folder


def verify_wheels(folder: Path, lock: Lock) -> None:
    """Hash each file; raises `Tampered` ``poisoned-cache`` naming the first that the lock does not know."""
    for path in sorted(folder.iterdir()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "a folder"
        if digest not in lock.hashes:
            raise Tampered(
                "poisoned-cache", f"{path.name} in the cache of wheels has SHA-256 {digest}",
                f"one of the {len(lock.hashes)} digests of {lock.where}", place=str(folder),
                next_step="Find out who can write to this folder; then remove it, and what was built with it.",
            )  # fmt: skip


def _download(run: StepRun, lock: Lock, python: Python, folder: Path) -> None:
    place = run.places.get(run.step.env, {})
    if place.get("wheelhouse"):
        _take(Path(place["wheelhouse"]), lock, folder)
        return
    file = run.folder / f"lock-{python.tag}.txt"
    file.write_text(lock.text, encoding="utf-8")
    origin = ["--index-url", place["index"]] if place.get("index") else []
    ran = pip(
        run, python, "download", "--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-cache-dir",
        "--dest", str(folder), "--requirement", str(file), *origin, alone=bool(origin),
    )  # fmt: skip
    if not ran.ok:
        raise Problem(
            "requirements", f"pip could not fetch what {lock.where} names: {last_error(ran)}",
            "each wheel, by its hash", place=run.step.env,
            next_step=f"Name an index that has them, or a folder: --place {run.step.env}.wheelhouse=FOLDER.",
        )  # fmt: skip


def _take(wheelhouse: Path, lock: Lock, folder: Path) -> None:
    """Copy the wheels that the lock names; what else lies there is nobody's business."""
    found = 0
    for path in sorted(wheelhouse.glob("*.whl")):
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() in lock.hashes:
            # Hashed again when it is used: whoever changes it now is found out.
            shutil.copyfile(path, folder / path.name)
            found += 1
    if not found:
        raise Problem(
            "requirements", f"no wheel there has a digest of {lock.where}", "each wheel, by its hash",
            place=str(wheelhouse), next_step=f"pip download --require-hashes -r {lock.where} -d {wheelhouse}",
        )  # fmt: skip


def virtual_environment(
    run: StepRun, python: Python, folder: Path, lock: Lock = NOTHING, wheel: Path | None = None
) -> Path:
    """Make one in ``folder`` with what the lock names, and ``wheel``; returns its Python. Nothing of it is run.

    All is installed at once: pip starts the environment's Python, and what is in there may run with it (``.pth``).
    """
    ran = run.children.run(
        [str(python.path), "-I", "-m", "venv", "--without-pip", str(folder)], env={"PATH": "/usr/bin:/bin"}, timeout=120
    )
    if not ran.ok:
        said = ran.tail[-200:]
        raise Problem("no-venv", f"Python {python.version} makes no environment: {said}", place=str(python.path))
    program = folder / "bin" / "python"
    if not lock.pins and wheel is None:
        return program
    text, origin = lock.text, []
    if lock.pins:
        origin = ["--find-links", str(wheels_of(run, lock, python))]
    if wheel is not None:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        text += f"\n{wheel.name.partition('-')[0]} @ {wheel.absolute().as_uri()} --hash=sha256:{digest}\n"
    file = run.folder / f"install-{python.tag}.txt"
    file.write_text(text, encoding="utf-8")
    ran = pip(
        run, Python(program, python.version, python.tag), "install", "--require-hashes", "--no-index", "--no-compile",
        "--no-cache-dir", "--only-binary", ":all:", *([] if wheel is not None else ["--no-deps"]), *origin,
        "--requirement", str(file), alone=True,
    )  # fmt: skip
    if not ran.ok:
        what = wheel.name if wheel is not None else lock.where
        raise Problem(
            "not-installed", f"pip could not install {what}: {last_error(ran)}",
            "everything that it needs, in a lock with hashes", place=run.step.env,
            next_step="Name the lock in the step: with = { requires = … }.",
        )  # fmt: skip
    return program


def pip(run: StepRun, python: Python, *arguments: str, alone: bool = False) -> Ran:
    """Run pip for a Python: ours if we have one, else its own. It sees no secrets but its own settings.

    ``alone``: nothing that this machine's settings say of where to fetch from counts.
    """
    env = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("PIP_")}
    if alone:
        env = {name: value for name, value in env.items() if not name.startswith(_ORIGINS)}
        env["PIP_CONFIG_FILE"] = os.devnull
    env |= {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        # What lies in our folder is no module of pip's.
        "PYTHONSAFEPATH": "1",
    }
    ours = importlib.util.find_spec("pip") is not None
    which = [sys.executable, "-m", "pip", "--python", str(python.path)] if ours else [str(python.path), "-m", "pip"]
    ran = run.children.run([*which, "--quiet", *arguments], env=env, cwd=run.folder, timeout=_SECONDS)
    if "No module named pip" in ran.err:
        raise Problem(
            "no-pip", f"neither we nor Python {python.version} have pip", "pip", place=run.step.env,
            next_step="Install it: python -m ensurepip, or apt install python3-pip.",
        )  # fmt: skip
    return ran


def last_error(ran: Ran) -> str:
    """What pip says, in one line."""
    lines = [line for line in ran.err.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return " ".join((errors or lines or [f"ended with {ran.code}"])[-3:])[:600]
