"""``customhouse audit register``: have an index audit a list of packages again whenever an advisory changes."""

from __future__ import annotations

import json
import os
from pathlib import Path

from customhouse.client.address import Index
from customhouse.client.credentials import Sources, find_credential
from customhouse.client.patience import Patience
from customhouse.client.problem import Declined
from customhouse.client.wire import Wire
from customhouse.consume.audit.model import Subject
from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.formats.plain import plain
from customhouse.terms.errors import Refused, Rejected

FINE, PARTIAL = 0, 3


def register(
    target: str, /, *, index: str = "", title: str = "", webhook: str = "", token: str = "", allow_http: bool = False
) -> int:
    """Send the names and versions of a lock, a requirements file or an SBOM to an index, to be audited again and again.

    Nothing else leaves this machine. You are told by letter, or by a signed webhook, what is new, each thing once, with
    the smallest fix; the page that is printed shows it and ends it. The same title again replaces the list, so that CI
    can send it with every change. Exit code 0: registered; 3: registered, but a part of the file could not be read;
    4: the index did not take it.

    Args:
        target: What an audit reads: uv.lock, requirements.txt, an SBOM, an environment.
        index: The index's address (default CUSTOMHOUSE_INDEX).
        title: What to call the list (default: the file's folder and name).
        webhook: Where findings are sent instead of letters.
        token: An API token for your whole account (default CUSTOMHOUSE_TOKEN).
        allow_http: Show the token even where the index has no TLS.
    """
    address = index or os.environ.get("CUSTOMHOUSE_INDEX", "")
    if not address:
        raise Rejected("no-index", "--index", "nobody has said where", "--index https://packages.example.org")
    subjects = read_target(target, ReadOptions(offline=True))
    components = sorted(
        {f"{one.name}=={one.version}" for subject in subjects for one in subject.components if one.version}
    )
    if not components:
        raise Rejected("no-components", target, "there is no package with a version in it", "a lock, or pins")
    body = {"title": title or _title(target), "components": components, "webhook": webhook}
    wire = Wire(Index.parse(address, allow_http=allow_http), Patience())
    try:
        wire.credential = find_credential(
            Sources(token.strip(), os.environ, None, handed=False, pypirc=Path.home() / ".pypirc"), wire
        )
        answer = wire.ask(
            "POST", f"{wire.index.base}/api/standing/", headers={"Content-Type": "application/json"},
            body=json.dumps({key: value for key, value in body.items() if value}).encode(),
        )  # fmt: skip
    except Declined as declined:
        raise Refused(declined.code or "declined", f"The index says no: {declined}") from declined
    finally:
        wire.close()
    said = answer.json(wire.index.host)
    print(
        f"{len(components)} packages are audited again whenever an advisory changes: {plain(said.get('page', ''), 300)}"
    )
    if said.get("key"):
        print(f"The key of the webhook, shown only now: {plain(said['key'], 200)}")
    return _gaps(subjects)


def _title(target: str) -> str:
    path = Path(target)
    return f"{path.resolve().parent.name}/{path.name}" if path.exists() else target


def _gaps(subjects: tuple[Subject, ...]) -> int:
    gaps = [gap for subject in subjects for gap in subject.gaps]
    for gap in gaps:
        print(plain(f"Not registered: {gap.where}: {gap.why}", 500))
    return PARTIAL if gaps else FINE
