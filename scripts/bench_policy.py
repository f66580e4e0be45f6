"""Measures facts and decisions of policies, `python scripts/bench_policy.py`, and says whether the bounds were kept.

Advisories are the PyPA's database in tests/data. The 10,000 files are made up: 20 versions of each of 500 packages that
have advisories, the worst that can happen. Facts are looked up as a view does, each project once; every signal that the
level asks for is answered for every file, which is more than a decision needs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from advisory_records import pypa, pypa_files
from customhouse.advisories.import_source import import_source
from customhouse.advisories.sources.model import describe
from customhouse.advisories.sources.rows import AddSource, add_source
from customhouse.app import App, open_app, prepare
from customhouse.formats.policy.decide import decide
from customhouse.formats.policy.levels import level
from customhouse.formats.policy.signals import SIGNALS
from customhouse.formats.simple import SimplePage
from customhouse.infra.settings import Settings
from customhouse.mirror.model import MirroredProject
from customhouse.views.facts.facts_of import ProjectFacts, facts_of
from customhouse.views.facts.subject import Surroundings
from mirrored import mirrored, page_of, wheel_of

PACKAGES, VERSIONS = 500, 20
FACTS_SECONDS, DECISIONS_SECONDS = 1.0, 2.0
NOW = datetime.now(UTC)
Took = tuple[float, float]
"""Seconds, and seconds of processors."""
Pair = tuple[MirroredProject, SimplePage]


def main() -> None:
    """Look facts up and decide, cold and warm."""
    names = sorted({one.name for record in pypa() for one in record.affected})[:PACKAGES]
    projects = [_project(name, VERSIONS) for name in names]
    large = [_project(names[0], 2_000)]
    with tempfile.TemporaryDirectory() as folder, _opened(Path(folder)) as app:
        around = Surroundings(app.advice, ("acme-*",))
        wants = level("balanced").signals
        files = sum(len(page.files) for _, page in projects)
        print(f"| what, of {files:,} files of {len(projects)} projects | seconds | of processors | bound | kept |")
        print("| --- | ---: | ---: | ---: | --- |")
        _row("facts that `balanced` asks for, just begun", _facts(app, projects, wants, around), None)
        # Whoever measures twice measures what is remembered; that is what a running server does.
        _row("facts that `balanced` asks for", _facts(app, projects, wants, around), FACTS_SECONDS)
        _row("facts of every signal", _facts(app, projects, frozenset(SIGNALS), around), None)
        _row("facts and decisions of `balanced`", _decisions(app, projects, "balanced", around), DECISIONS_SECONDS)
        _row("facts and decisions of `strict`", _decisions(app, projects, "strict", around), DECISIONS_SECONDS)
        _row("one project of 2,000 files, facts", _facts(app, large, wants, around), None)
        _row("one project of 2,000 files, decisions", _decisions(app, large, "balanced", around), None)


def _facts(app: App, projects: Sequence[Pair], wants: frozenset[str], around: Surroundings) -> Took:
    """Seconds to answer every signal of every file."""
    began = time.perf_counter(), time.process_time()
    for pair in projects:
        found = _look(app, pair, wants, around)
        for file in pair[1].files:
            one = found.of(file)
            for signal in wants:
                one.fact(signal)
    return _since(began)


def _decisions(app: App, projects: Sequence[Pair], name: str, around: Surroundings) -> Took:
    """Seconds to decide of every file."""
    policy = level(name)
    began = time.perf_counter(), time.process_time()
    for project, page in projects:
        found = _look(app, (project, page), policy.signals, around)
        for file in page.files:
            decide(policy, found.of(file), now=NOW, hosted=False, name=page.name, version=file.version)
    return _since(began)


def _look(app: App, pair: Pair, wants: frozenset[str], around: Surroundings) -> ProjectFacts:
    project, page = pair
    with app.database.read() as sql:
        return facts_of(sql, page, project.upstream, project, now=NOW, wants=wants, around=around)


def _project(name: str, versions: int) -> Pair:
    files = (
        wheel_of(name, f"{at // 50}.{at % 50}", days=versions - at, attested=at % 2 == 0) for at in range(versions)
    )
    project = mirrored(name, *files)
    return project, page_of(project)


def _row(what: str, took: Took, bound: float | None) -> None:
    seconds, processors = took
    kept = "" if bound is None else "yes" if seconds < bound else "no"
    print(f"| {what} | {seconds:.2f} | {processors:.2f} | {'' if bound is None else bound} | {kept} |", flush=True)


def _since(began: tuple[float, float]) -> Took:
    return time.perf_counter() - began[0], time.process_time() - began[1]


@contextmanager
def _opened(folder: Path) -> Iterator[App]:
    database = folder / "db"
    for name, content in pypa_files().items():
        place = database / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    settings = Settings.model_validate({"data": folder / "data"})
    prepare(settings)
    with open_app(settings) as app:
        import_source(app.deeds, app.outbound, app.do(add_source, AddSource(describe(str(database)))))
        yield app


if __name__ == "__main__":
    main()
