"""Makes environments out of nothing but files, as installers leave them."""

from __future__ import annotations

import json
from pathlib import Path


def site_of(prefix: Path, python: str = "3.12") -> Path:
    """The folder of packages of a prefix."""
    site = prefix / f"lib/python{python}/site-packages"
    site.mkdir(parents=True, exist_ok=True)
    return site


def venv(prefix: Path, version: str = "3.12.4", home: Path | None = None, **more: str) -> Path:
    """A virtual environment; its folder of packages."""
    prefix.mkdir(parents=True, exist_ok=True)
    lines = {"home": str(home or "/nowhere/bin"), "version": version, **more}
    (prefix / "pyvenv.cfg").write_text(
        "".join(
            f"{key.replace('_', '-') if key.startswith('include') else key} = {value}\n" for key, value in lines.items()
        )
    )
    return site_of(prefix, ".".join(version.split(".")[:2]))


def install(
    site: Path, name: str, version: str, *requires: str,
    requested: bool = False, record: str = "", url: dict[str, object] | None = None, metadata: str | None = None,
) -> Path:  # fmt: skip
    """One package, as its metadata; the dist-info folder."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = "".join(f"Requires-Dist: {one}\n" for one in requires)
    text = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{lines}\nRequires-Dist: no-header\n"
    (info / "METADATA").write_text(text if metadata is None else metadata)
    (info / "RECORD").write_text(record)
    (info / "INSTALLER").write_text("pip\n")
    if requested:
        (info / "REQUESTED").write_text("")
    if url is not None:
        (info / "direct_url.json").write_text(json.dumps(url))
    return info


def patchlevel(prefix: Path, version: str) -> None:
    """The header that tells the release of a Python."""
    header = prefix / f"include/python{'.'.join(version.split('.')[:2])}/patchlevel.h"
    header.parent.mkdir(parents=True, exist_ok=True)
    header.write_text(f'/* Version as a string */\n#define PY_VERSION      \t"{version}"\n')
