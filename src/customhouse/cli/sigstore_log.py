"""``customhouse sigstore monitor`` and ``witness``: looking at a log from outside, and co-signing what holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from customhouse.terms.errors import Rejected

Url = Annotated[str, Parameter(help="The Sigstore's address, such as https://index.example/sigstore.")]
State = Annotated[Path, Parameter(name="--state", help="The folder that remembers what was seen last. Keep it.")]
Key = Annotated[str, Parameter(name="--key", help="The log's key (`customhouse sigstore trust --key`), to be sure.")]
Identity = Annotated[
    tuple[str, ...], Parameter(name="--identity", help="List what this identity has signed since then; * for all.")
]
Listen = Annotated[str, Parameter(name="--listen", help="Where logs reach the witness, such as 127.0.0.1:8426.")]
Logs = Annotated[tuple[str, ...], Parameter(name="--log", help="The key of a log that is watched; several are fine.")]
Name = Annotated[str, Parameter(name="--name", help="How the witness calls itself, such as witness.example/a.")]
Git = Annotated[Path | None, Parameter(name="--git", help="Commit checkpoints of URL into this git repository.")]
Push = Annotated[str, Parameter(name="--push", help="The remote that the commit is pushed to.")]

DEFAULT_STATE = Path("sigstore-monitor")
WITNESS_STATE = Path("sigstore-witness")


def monitor(url: Url, /, *, state: State = DEFAULT_STATE, key: Key = "", identity: Identity = ()) -> int:
    """Has the log only grown since the last look, and who has signed? Ends with 1 if it cannot prove it."""
    from customhouse.cli.sigstore_watch import look  # noqa: PLC0415 - heavy

    return look(url, state, key, identity)


def witness(
    url: Annotated[str, Parameter(help="With --git: the Sigstore's address.")] = "", /, *, listen: Listen = "",
    log: Logs = (), state: State = WITNESS_STATE, name: Name = "", git: Git = None, push: Push = "",
) -> int:  # fmt: skip
    """Co-sign checkpoints of logs that only grow: over HTTP (--listen), or as commits in a git repository (--git)."""
    from customhouse.cli.sigstore_watch import keep_in_git, serve_witness  # noqa: PLC0415 - heavy

    if git is not None:
        if not url:
            raise Rejected("no-url", "URL", "is missing", "the address of the Sigstore whose checkpoints are kept")
        return keep_in_git(url, git, push, state, log[0] if log else "")
    if not listen or not log or not name:
        raise Rejected("no-address", "witness", "lacks --listen, --name or --log", "all three, or --git FOLDER URL")
    return serve_witness(listen, name, log, state)
