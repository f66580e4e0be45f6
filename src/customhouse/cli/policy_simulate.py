"""``customhouse policy simulate``: what a policy would do to what you install, before it is switched on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

PolicyFlag = Annotated[str, Parameter(help="A file with the policy, or one of open, balanced, strict, curated.")]
ViewFlag = Annotated[str, Parameter(help="The view to try it on: its name, or its whole address.")]
IndexFlag = Annotated[str, Parameter(help="The address of the Customhouse (default CUSTOMHOUSE_INDEX).")]
Days = Annotated[int, Parameter(help="Without targets: try it on so many days of the view's own log.")]
AsOf = Annotated[str, Parameter(help="As of this day or moment, 2024-12-05: what had been uploaded by then.")]
Exceptions = Annotated[Path | None, Parameter(help="Write the exceptions that are needed to this file as well.")]
TokenFlag = Annotated[str, Parameter(help="An API token (default CUSTOMHOUSE_TOKEN).")]
PythonFlag = Annotated[str, Parameter(help="The version of Python for which requirements are resolved.")]
Data = Annotated[Path | None, Parameter(help="Without targets: the index's data folder.")]


def simulate(
    *targets: Annotated[str, Parameter(help="Lock files, requirements, pyproject.toml, environments, SBOMs.")],
    policy: PolicyFlag, view: ViewFlag, index: IndexFlag = "", days: Days = 30, as_of: AsOf = "",
    json: Annotated[bool, Parameter(negative="", help="Say it as JSON.")] = False,
    markdown: Annotated[bool, Parameter(negative="", help="Say it as Markdown, for a pull request.")] = False,
    exceptions: Exceptions = None, token: TokenFlag = "", python: PythonFlag = "",
    allow_http: Annotated[bool, Parameter(negative="", help="Show the token even without TLS.")] = False,
    data: Data = None,
) -> int:  # fmt: skip
    """Try a policy on lock files, requirements or an environment, or on what a view was asked for.

    Says what would be hidden, held and denied, what could no longer be installed and through which path, which fixes
    would wait, which known attacks it stops, and the smallest set of exceptions with which everything passes. Nothing
    is changed or switched on.

    Exit code 0: nothing breaks; 1: something breaks; 2: usage; 3: nothing breaks, but something could not be looked up;
    4: a service failed.
    """
    from customhouse.cli.policy_simulate_run import Flags, run  # noqa: PLC0415 - it loads much

    form: Literal["table", "json", "markdown"] = "json" if json else "markdown" if markdown else "table"
    flags = Flags(targets, policy, view, index, days, as_of, form, exceptions, token, python, allow_http, data)
    code, text = run(flags)
    sys.stdout.write(text)
    return code
