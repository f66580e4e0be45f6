"""The process in which hostile archives are read: it has no secrets, writes no files, and may be killed at any time.

One JSON line in for each file, one JSON line out. Started by `infra.walkers`.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from customhouse.infra.lifeline import die_with_parent
from customhouse.terms.errors import Rejected

OPEN_FILES = 32


def main(function: str, memory_bytes: int, parent_pid: int) -> None:
    """Serve requests until standard input closes."""
    die_with_parent(parent_pid)
    module, _, name = function.partition(":")
    examine: Callable[[Path, str], Any] = getattr(importlib.import_module(module), name)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    # Whatever a library prints must not look like an answer.
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(_answer(examine, json.loads(line))) + "\n")


def _answer(examine: Callable[[Path, str], Any], request: dict[str, str]) -> dict[str, Any]:
    try:
        return {"ok": examine(Path(request["path"]), request["filename"]).to_dict()}
    except Rejected as fault:
        return {
            "rejected": {
                "code": fault.code,
                "where": fault.where,
                "why": fault.why,
                "accepted": fault.accepted,
                "offset": fault.offset,
            }
        }
    except (MemoryError, RecursionError):
        return {"exhausted": True}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
