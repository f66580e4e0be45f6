"""The pipelines to begin with: each is a TOML that can be read, linted and drawn as it stands."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

TEMPLATES = {
    "python-library": "pure Python, one or two maintainers, one machine",
    "compiled-library": "a C extension, two builders, three people, Sigstore and GPG",
    "cpython": "the ten steps of PEP 101, with Windows and macOS handed in",
    "security-release": "embargoed, sources only, together with an advisory",
}
"""What each is for."""
DEFAULT = "python-library"


@cache
def template_text(name: str) -> str:
    """The template's TOML; ``name`` is one of `TEMPLATES`."""
    return files("customhouse.release").joinpath("templates", f"{name}.toml").read_text("utf-8")
