"""``customhouse project quarantine`` and ``customhouse project lift``: by hand, outside any case."""

from __future__ import annotations

from pathlib import Path

from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.index.quarantine_by_hand import (
    LiftProject,
    LiftRelease,
    QuarantineProject,
    QuarantineRelease,
    order_project_lift,
    order_project_quarantine,
    order_release_lift,
    order_release_quarantine,
)
from customhouse.terms.names import normalize


def quarantine(project: str, /, *, reason: str, version: str = "", data: Path | None = None) -> None:
    """Offer no file of a project, by any address, and take none. Lifting brings back what it was.

    Args:
        project: Its name.
        reason: Why; everybody reads it.
        version: Only this version.
        data: The data folder (default ./customhouse-data).
    """
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        if version:
            parts.do(order_release_quarantine, QuarantineRelease(project, version, reason))
        else:
            parts.do(order_project_quarantine, QuarantineProject(project, reason))
        parts.renderer.render_after_commit(normalize(project))
    print(f"{_what(project, version)} is quarantined.")


def lift(project: str, /, *, reason: str, version: str = "", data: Path | None = None) -> None:
    """Offer again what was quarantined, by hand, by reports or by a verdict.

    Args:
        project: Its name.
        reason: Why.
        version: Only this version, if it is quarantined by itself.
        data: The data folder (default ./customhouse-data).
    """
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        if version:
            parts.do(order_release_lift, LiftRelease(project, version, reason))
        else:
            parts.do(order_project_lift, LiftProject(project, reason))
        parts.renderer.render_after_commit(normalize(project))
    print(f"{_what(project, version)} is no longer quarantined.")


def _what(project: str, version: str) -> str:
    return f"Version {version} of {project}" if version else f"The project {project}"
