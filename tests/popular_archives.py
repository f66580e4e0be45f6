"""Fetch popular wheels and sdists on which the strict reader must not raise a false alarm.

``python tests/popular_archives.py`` brings every file of ``popular_archives.txt`` into ``.cache/popular``, checked
against its pinned digest; what is there stays. The list holds what the project, its tests and the clients of its tests
install, and a few large binary packages.

It speaks through pip, so that pip's own settings (index, proxy, certificates) hold. ``pip download`` itself will not
do: for an sdist it runs the package's build to learn its name. So this asks pip's session and link collector, which
are private to pip and may change with it.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pip._internal.commands import create_command
from pip._internal.commands.download import DownloadCommand
from pip._internal.index.collector import LinkCollector, parse_links
from pip._internal.models.link import Link
from pip._internal.network.session import PipSession

LIST = Path(__file__).with_suffix(".txt")
FOLDER = Path(__file__).resolve().parents[1] / ".cache" / "popular"


class Pinned(NamedTuple):
    """One line of the list."""

    project: str
    filename: str
    sha256: str


def pinned() -> list[Pinned]:
    lines = LIST.read_text(encoding="ascii").splitlines()
    return [Pinned(*line.split()) for line in lines if line and not line.startswith("#")]


def is_here(file: Pinned) -> bool:
    path = FOLDER / file.filename
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256


@contextmanager
def pip_session() -> Iterator[tuple[PipSession, LinkCollector]]:
    """pip's connection and its list of indexes, as its settings say."""
    command = create_command("download")
    assert isinstance(command, DownloadCommand)
    options, _ = command.parse_args(["unused"])
    with command.main_context():
        session = command.get_default_session(options)
        yield session, LinkCollector.create(session, options)


def links_of(project: str, collector: LinkCollector) -> dict[str, Link]:
    links: dict[str, Link] = {}
    for location in collector.search_scope.get_index_urls_locations(project):
        page = collector.fetch_response(Link(location))
        if page is not None:
            links = {link.filename: link for link in parse_links(page)} | links
    return links


def fetch(file: Pinned, link: Link, session: PipSession) -> None:
    response = session.get(link.url_without_fragment, headers={"Accept-Encoding": "identity"})
    response.raise_for_status()
    found = hashlib.sha256(response.content).hexdigest()
    if found != file.sha256:
        raise SystemExit(f"{file.filename} has the digest {found}, pinned is {file.sha256}")
    part = FOLDER / f"{file.filename}.part"
    part.write_bytes(response.content)
    part.rename(FOLDER / file.filename)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    missing = [file for file in pinned() if not is_here(file)]
    if not missing:
        return
    with pip_session() as (session, collector), ThreadPoolExecutor(4) as threads:
        projects = sorted({file.project for file in missing})
        found = dict(zip(projects, threads.map(lambda project: links_of(project, collector), projects), strict=True))
        lost = [file.filename for file in missing if file.filename not in found[file.project]]
        if lost:
            raise SystemExit(f"The index no longer has {', '.join(lost)}")
        list(threads.map(lambda file: fetch(file, found[file.project][file.filename], session), missing))
    sys.stdout.write(f"Fetched {len(missing)} archives\n")


if __name__ == "__main__":
    main()
