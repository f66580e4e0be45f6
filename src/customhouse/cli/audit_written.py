"""An audit's report in the form that somebody wants; each writer is loaded only if it is used."""

from __future__ import annotations

from datetime import datetime

from customhouse.consume.audit.model import Report
from customhouse.formats.osv.severity import Level


def written(report: Report, level: Level, form: str, now: datetime, *, coloured: bool = False) -> str:
    """The whole text."""
    match form:
        case "json":
            from customhouse.consume.audit.write.json_report import json_report  # noqa: PLC0415

            return json_report(report, level)
        case "sarif":
            from customhouse.consume.audit.write.sarif import sarif  # noqa: PLC0415

            return sarif(report, _own_version())
        case "markdown":
            from customhouse.consume.audit.write.markdown import markdown  # noqa: PLC0415

            return markdown(report, level)
        case "cyclonedx":
            from customhouse.consume.audit.write.cyclonedx import cyclonedx  # noqa: PLC0415

            return cyclonedx(report, _own_version(), now)
        case _:
            from customhouse.consume.audit.write.table import table  # noqa: PLC0415

            return table(report, level, coloured=coloured)


def _own_version() -> str:
    from importlib.metadata import version  # noqa: PLC0415

    return version("customhouse")
