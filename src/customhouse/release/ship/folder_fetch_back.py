"""Fetching back from a download server as a stranger: `SHA256SUMS`, and every file by its public address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.ship.compare import compare, digests
from customhouse.release.ship.download_folder import SUMS, DownloadFolder, digests_in, folder_of, read_sums
from customhouse.release.ship.patient import patiently
from customhouse.release.ship.public_page import SMALL_BYTES, Stranger, stranger
from customhouse.release.things import Things


def fetch_back(run: StepRun, things: Things, env: str) -> dict[str, str]:
    """Fetch everything and compare; returns facts. Raises `Tampered` where it stays another than what was published."""
    folder = folder_of(run, env)
    into = run.folder / "fetched"
    into.mkdir(parents=True, exist_ok=True)
    facts: dict[str, str] = {}
    if urlsplit(folder.url).scheme == "file":
        patiently(run, lambda: _local(folder, things, facts))
    else:
        with stranger() as public:
            patiently(run, lambda: _look(public, folder, things, into, facts))
    return facts


def _local(folder: DownloadFolder, things: Things, facts: dict[str, str]) -> Problem | None:
    """Where no server is named, the folder itself is looked at."""
    seen = digests_in(Path(unquote(urlsplit(folder.url).path))) or {}
    found = compare(digests(things), seen)
    if found:
        return Tampered(found.code, found.sentence, found.expected, place=folder.url)
    for one in things:
        facts[f"fetched:{one.name}"] = one.digest
        facts[f"from:{one.name}"] = f"{folder.url}{quote(one.name)}"
    return None


def _look(
    public: Stranger, folder: DownloadFolder, things: Things, into: Path, facts: dict[str, str]
) -> Problem | None:
    try:
        answer = public.get(f"{folder.url}{SUMS}", SMALL_BYTES)
        if answer is None:
            return Problem("missing-file", f"{SUMS} is not there", "what belongs to the release", place=folder.url)
        found = compare(digests(things), read_sums(answer[0]))
        if found:
            return Tampered(found.code, found.sentence, found.expected, place=f"{folder.url}{SUMS}")
        for one in things:
            url = f"{folder.url}{quote(one.name)}"
            fault = public.fault(url, one, into / one.name)
            if fault is not None:
                return fault
            facts[f"fetched:{one.name}"] = one.digest
            facts[f"from:{one.name}"] = url
    except Tampered:
        raise
    except Problem as problem:
        return problem
    # Whoever publishes sees more than a stranger: files that no list names.
    found = compare(digests(things), folder.public_digests() or digests(things))
    return Tampered(found.code, found.sentence, found.expected, place=str(folder.public)) if found else None
