"""A project of pure Python with a build backend of its own: it needs nothing, builds at once, and does what it is told.

``says`` is a Python expression that the backend evaluates while it builds the wheel. Its text goes into
``tiny/said.py``; of a dictionary, each text into the module of its name. So a test says what leaks into the build.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sealed_project import commit_all, git

VERSION = "1.0.0"
BACKEND = """\
import base64, hashlib, io, os, sys, tarfile, zipfile

FILES = ("PKG-INFO", "README.md", "backend.py", "pyproject.toml", "tiny/__init__.py")
METADATA = b"Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0.0\\nSummary: Tells what its build saw\\n"


def build_sdist(folder, settings=None):
    name = "tiny-1.0.0.tar.gz"
    with tarfile.open(os.path.join(folder, name), "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for path in FILES:
            body = METADATA if path == "PKG-INFO" else open(path, "rb").read()
            member = tarfile.TarInfo("tiny-1.0.0/" + path)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return name


def build_wheel(folder, settings=None, metadata=None):
    name = "tiny-1.0.0-py3-none-any.whl"
    said = eval(open("README.md").read())
    said = said if isinstance(said, dict) else {"said": said}
    bodies = {
        "tiny/__init__.py": open("tiny/__init__.py", "rb").read(),
        **{"tiny/%s.py" % name: ("SAID = %r\\n" % str(value)).encode() for name, value in said.items()},
        "tiny-1.0.0.dist-info/METADATA": METADATA,
        "tiny-1.0.0.dist-info/WHEEL": b"Wheel-Version: 1.0\\nGenerator: tiny\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    rows = []
    for path, body in bodies.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        rows.append("%s,sha256=%s,%d\\n" % (path, digest, len(body)))
    bodies["tiny-1.0.0.dist-info/RECORD"] = ("".join(rows) + "tiny-1.0.0.dist-info/RECORD,,\\n").encode()
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, body in bodies.items():
            archive.writestr(path, body)
    return name
"""


@dataclass(frozen=True)
class TinyProject:
    """The project, written."""

    folder: Path
    commit: str


def write_tiny_project(folder: Path, says: str = "'nothing'", more: dict[str, str] | None = None) -> TinyProject:
    """Write the project into ``folder`` (new) and commit it."""
    for path, text in {
        "README.md": says,
        "backend.py": BACKEND,
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "tiny/__init__.py": "",
        **(more or {}),
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    return TinyProject(folder, commit_all(folder, f"tiny {VERSION}"))
