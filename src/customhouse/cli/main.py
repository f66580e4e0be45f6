"""The entry of the command line: one command is run, and its exit code is what the process ends with."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from customhouse.cli.exit_codes import FINE, SERVICE_FAILED, USAGE
from customhouse.terms.errors import CustomhouseError, Refused, Rejected


def main() -> NoReturn:
    """Run one command and leave with its exit code: 0 fine, 1 findings, 2 usage, 3 partial, 4 a service failed."""
    try:
        result = _run(sys.argv[1:])
        # A reader who has left is heard of here, and not when Python ends: there it would be exit code 120.
        sys.stdout.flush()
    except CustomhouseError as error:
        print(f"customhouse: {error}", file=sys.stderr)
        sys.exit(USAGE if isinstance(error, (Rejected, Refused)) else SERVICE_FAILED)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FINE)
    except Exception as error:
        if os.environ.get("CUSTOMHOUSE_LOG_LEVEL") == "debug":
            raise
        print(f"customhouse: {type(error).__name__}: {error}", file=sys.stderr)
        print("Run it again with CUSTOMHOUSE_LOG_LEVEL=debug to see where.", file=sys.stderr)
        sys.exit(SERVICE_FAILED)
    sys.exit(result if isinstance(result, int) else FINE)


def _run(words: list[str]) -> object:
    if words[:1] == ["audit"]:
        # Reading flags by cyclopts takes as long as a whole audit: what people type most is read without it.
        from customhouse.cli.audit_quick import quick_audit  # noqa: PLC0415

        done = quick_audit(words[1:])
        if done is not None:
            return done
    from customhouse.cli.commands import dispatch  # noqa: PLC0415

    return dispatch()


if __name__ == "__main__":
    main()
