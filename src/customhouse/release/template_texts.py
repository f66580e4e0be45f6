"""The pipelines to begin with: each is a TOML that can be read, linted and drawn as it stands."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

TEMPLATES = {
    "python-library": "pure Python, one or two maintainers, one machine",
    "compiled-library": "a C extension, two builders, three people, Sigstore and GPG",
    "cpython": "the ten steps of PEP 101, with Windows and macOS handed in",
    "security-release": "embargoed, sources only, together with an advisory",
}
"""What each is for."""
PROGRAMS = {"cpython": "release.py"}
"""By template, the program that it runs and that goes into the repository beside it."""
_NO_DIGEST = "0" * 64


@cache
def program_text(name: str) -> str:
    """The program of a template; ``name`` is one of `PROGRAMS`."""
    return files("customhouse.release").joinpath("templates", f"{name}_release.py").read_text("utf-8")


def with_digest(text: str, program: str) -> str:
    """A template's text with the digest of its program."""
    return text.replace(_NO_DIGEST, hashlib.sha256(program.encode()).hexdigest())


@cache
def template_text(name: str) -> str:
    """The template's TOML; ``name`` is one of `TEMPLATES`."""
    return files("customhouse.release").joinpath("templates", f"{name}.toml").read_text("utf-8")
