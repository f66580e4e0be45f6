"""What the flags of ``customhouse audit`` say, whoever has read them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from customhouse.consume.snapshot.place import OLD_DAYS


class Flags(NamedTuple):
    """See `audit.audit` for what each of them means. A tuple is made in a tenth of a dataclass's time."""

    targets: tuple[str, ...] = ()
    offline: bool = False
    snapshot: Path | None = None
    advisories: tuple[str, ...] = ()
    kev: str = ""
    epss: str = ""
    refresh: bool = False
    level: str = "low"
    groups: tuple[str, ...] = ()
    only_group: tuple[str, ...] = ()
    no_dev: bool = False
    format: str = "table"
    output: Path | None = None
    baseline: Path | None = None
    write_baseline: bool = False
    ignore: tuple[str, ...] = ()
    reason: str = ""
    vex: tuple[Path, ...] = ()
    no_vex: bool = False
    python: str = ""
    index_url: str = ""
    no_index: bool = False
    fix: bool = False
    dry_run: bool = False
    install: bool = False
    whole_index: bool = False
    data: Path | None = None
    old_after_days: int = OLD_DAYS
