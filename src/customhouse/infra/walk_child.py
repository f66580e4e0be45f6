"""The process in which hostile archives are read: it has no secrets, writes no files, and may be killed at any time.

One JSON line in for each question, one JSON line out. A question names one of the functions that the process was
started with, the files to read (path and file name of each), and options. Started by `infra.walkers`.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from customhouse.infra.lifeline import die_with_parent
from customhouse.terms.errors import Rejected

OPEN_FILES = 32

Functions = Mapping[str, Callable[..., Any]]


def main(functions: str, memory_bytes: int, parent_pid: int) -> None:
    """Serve requests until standard input closes; ``functions`` are ``module:name``, with commas between them."""
    die_with_parent(parent_pid)
    known: Functions = {function: _load(function) for function in functions.split(",")}
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    # Whatever a library prints must not look like an answer.
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(_answer(known, json.loads(line))) + "\n")


def _load(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _answer(known: Functions, request: dict[str, Any]) -> dict[str, Any]:
    files = [part for path, filename in request["files"] for part in (Path(path), filename)]
    try:
        return {"ok": known[request["function"]](*files, **request["options"]).to_dict()}
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
