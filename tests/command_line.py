"""``customhouse …`` in this process, by its own entry: a process of its own would take seconds to start.

That the command starts as a process, too, is tested in tests/cli/test_commands.py.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from warnings import catch_warnings, filterwarnings

from customhouse.cli.main import main


@dataclass(frozen=True)
class Done:
    """What a command has printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def customhouse(
    *arguments: str, folder: Path | None = None, environment: Mapping[str, str] | None = None, stdin: str = ""
) -> Done:
    """Run ``customhouse ARGUMENTS`` in a folder, with nothing of ours set but the environment that is given."""
    kept, kept_argv, kept_stdin = dict(os.environ), sys.argv, sys.stdin
    plain = {name: text for name, text in kept.items() if not name.startswith("CUSTOMHOUSE_")}
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    _set(plain | dict(environment or {}))
    sys.argv, sys.stdin = ["customhouse", *arguments], io.StringIO(stdin)
    try:
        with chdir(folder or Path.cwd()), redirect_stdout(out), redirect_stderr(err), catch_warnings():
            # Cyclopts takes the arguments from the system, as ever, and supposes that a test does not mean it.
            filterwarnings("ignore", "Cyclopts application invoked without tokens", UserWarning)
            main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv, sys.stdin = kept_argv, kept_stdin
        _set(kept)
    assert isinstance(code, int)
    return Done(code, out.getvalue(), err.getvalue())


def _set(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
