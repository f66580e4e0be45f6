"""The composition root: settings in, an `App` out. Whatever a door needs, it gets from here."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from customhouse.accounts import links, sessions, tokens
from customhouse.accounts.sessions import Lifetimes
from customhouse.accounts.tokens import Bearer, CreateToken, NewToken, ServerKey
from customhouse.catalog.downloads.fold_spools import fold_spools
from customhouse.catalog.lifecycle import DeletionPolicy, Price
from customhouse.catalog.quotas import Limits
from customhouse.catalog.search.write import index_all, index_entry
from customhouse.formats.examination import Examination
from customhouse.index import check as invariants
from customhouse.index.delete import END_JOB, Delete, delete, end_deleted_files
from customhouse.index.diff import Comparisons
from customhouse.index.erase import ERASE_JOB
from customhouse.index.letters.letter import Site, readable_span
from customhouse.index.post import PostOffice
from customhouse.index.render import Renderer
from customhouse.index.sweep import sweep, sweep_digests
from customhouse.index.tell import tell_people
from customhouse.index.upload import Reception
from customhouse.index.webhooks import deliver
from customhouse.index.webhooks.deliver import Courier
from customhouse.index.webhooks.queue import queue_deliveries
from customhouse.infra import jobs
from customhouse.infra.blob_stores import open_blobs
from customhouse.infra.blobs import Blobs
from customhouse.infra.count_spool import counts_folder
from customhouse.infra.db import Database, database_url
from customhouse.infra.fetch import Outbound
from customhouse.infra.mail import smtp_of
from customhouse.infra.migrate import migrate
from customhouse.infra.pages import Pages
from customhouse.infra.pages_open import open_pages
from customhouse.infra.reach import Reach
from customhouse.infra.settings import Settings
from customhouse.infra.spool import open_spool
from customhouse.infra.walkers import Walkers
from customhouse.ledger.chain import Entry
from customhouse.ledger.follow import follow
from customhouse.ledger.tx import Deeds, Tx
from customhouse.reports import tables as _report_tables  # noqa: F401 - part of the schema
from customhouse.terms.clock import Clock, SystemClock
from customhouse.terms.errors import CustomhouseError, Rejected, Unavailable

log = logging.getLogger("customhouse.work")

C = TypeVar("C")
R = TypeVar("R")
KEY_BYTES = 32
SWEEP_EVERY = timedelta(hours=1)
FOLD_EVERY = timedelta(seconds=10)
IDLE_SECONDS = 1.0


@dataclass(frozen=True)
class App:
    """One running Customhouse: its parts, and `do`, by which everything is changed."""

    settings: Settings
    clock: Clock
    database: Database
    blobs: Blobs
    pages: Pages
    deeds: Deeds
    walkers: Walkers
    renderer: Renderer
    reception: Reception
    comparisons: Comparisons
    outbound: Outbound
    key: ServerKey

    def do(self, deed: Callable[[C, Tx], R], command: C) -> R:
        """Do one deed in one transaction; a refusal's records are written in a second one."""
        return self.deeds.do(deed, command)

    def create_token(self, command: CreateToken) -> NewToken:
        """Make an API token; its text exists only in the answer."""
        return self.do(lambda wish, tx: tokens.create_token(self.key, wish, tx), command)

    def authenticate(self, token: str) -> Bearer:
        """Who a token belongs to; raises `Refused` (401 or 403)."""
        with self.database.read() as sql:
            return tokens.authenticate(self.key, sql, token)

    def remove(self, wish: Delete) -> Price:
        """Delete by the policy of the settings; returns what it cost."""
        settings = self.settings
        policy = DeletionPolicy(timedelta(hours=settings.free_deletion_hours), settings.deletion_downloads)
        answer = timedelta(days=settings.deleted_files_days)
        return self.do(delete, replace(wish, policy=policy, addresses_answer=answer))

    def check(self, *, sample: int | None = None) -> list[invariants.Checked]:
        """Test every invariant of the design."""
        return invariants.check(
            invariants.Subjects(
                self.database,
                self.blobs,
                self.pages,
                self.clock.now(),
                self._sweep_grace() * 2,
                deleted_files_answer=timedelta(days=self.settings.deleted_files_days),
                sample=sample,
            )
        )

    def sweep(self) -> int:
        """Remove objects that no row names and that are older than the grace time."""
        return sweep(self.deeds, self.blobs, grace=self._sweep_grace())

    @property
    def lifetimes(self) -> Lifetimes:
        """How long sessions live."""
        return Lifetimes(
            timedelta(seconds=self.settings.session_idle_seconds), timedelta(seconds=self.settings.session_life_seconds)
        )

    def _sweep_grace(self) -> timedelta:
        return timedelta(seconds=self.settings.sweep_grace_seconds)


@contextmanager
def open_app(settings: Settings, *, clock: Clock | None = None, walkers: Walkers | None = None) -> Iterator[App]:
    """Open the parts on a database that `prepare` has brought up to date, and close them at the end.

    Walkers that are handed in are shared and stay open.
    """
    clock = clock or SystemClock()
    database = Database(database_url(settings))
    blobs = open_blobs(settings)
    pages = open_pages(settings)
    own = walkers is None
    walkers = walkers or Walkers(
        count=os.cpu_count() or 1, seconds=settings.walk_seconds, memory_bytes=settings.walk_memory_bytes
    )
    deeds = Deeds(database, clock, pages.forget)

    def examine(path: Path, filename: str) -> Examination:
        return walkers.examine(path, filename)

    try:
        yield App(
            settings=settings,
            clock=clock,
            database=database,
            blobs=blobs,
            pages=pages,
            deeds=deeds,
            walkers=walkers,
            renderer=Renderer(database, pages, clock, deleted_files_answer=timedelta(days=settings.deleted_files_days)),
            reception=Reception(
                deeds,
                blobs,
                examine,
                open_spool(settings.data),
                limits=limits_of(settings),
                open_for=timedelta(days=settings.release_open_days),
                linux_tags=settings.linux_tags,
            ),
            # One reader at least stays for uploads, where there are several.
            comparisons=Comparisons(blobs, walkers, open_spool(settings.data), at_once=max(1, walkers.count - 1)),
            outbound=Outbound(Reach.parse(settings.private_networks_allowed)),
            key=read_key(settings),
        )
    finally:
        if own:
            walkers.close()
        pages.close()
        database.close()


def prepare(settings: Settings) -> None:
    """Make the data folder, the server's key and the schema; harmless when they are there."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    open_spool(settings.data)
    _make_key(key_path(settings))
    database = Database(database_url(settings))
    try:
        migrate(database)
    finally:
        database.close()


def limits_of(settings: Settings) -> Limits:
    """How large files and projects may be that were granted nothing more."""
    return Limits(settings.file_quota_bytes, settings.project_quota_bytes)


def key_path(settings: Settings) -> Path:
    """Where the server's key lies: outside the database and its backups."""
    return settings.key_file or settings.data / "server.key"


def read_key(settings: Settings) -> ServerKey:
    """The server's key; raises `Unavailable` if it is missing or damaged."""
    path = key_path(settings)
    try:
        secret = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise Unavailable("The server's key", f"{path} cannot be read: {error}") from error
    if len(secret) != KEY_BYTES:
        raise Unavailable("The server's key", f"{path} does not hold {KEY_BYTES} bytes in hexadecimal")
    return ServerKey(secret)


def _make_key(path: Path) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    if path.exists():
        return
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
        new.write(secrets.token_hex(KEY_BYTES) + "\n")
        new.flush()
        os.fsync(new.fileno())
    try:
        # A link and not a rename: if another process made the key meanwhile, its key stays.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


JobRun = Callable[[App, Mapping[str, Any]], None]


def _sweep_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Remove orphans. Running it again finds nothing left to remove."""
    removed = app.sweep()
    if removed:
        log.info("swept %d objects that no row names", removed)


def _unknown_job(_app: App, _arguments: Mapping[str, Any]) -> None:
    raise Rejected("unknown-job", "job", "this version does not know it", "a later version")


def _old_sessions_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Forget sessions that are over. Running it again finds none."""
    with app.database.write() as sql:
        sessions.forget_old_sessions(sql, app.clock.now(), app.lifetimes)


def _fold_downloads_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Fold the spool files of downloads. Running it again finds every batch folded and adds nothing."""
    fold_spools(app.database, counts_folder(app.settings.data), app.clock.now())


def _mail_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Write and send one letter. Running it again sends the same letter under the same Message-ID."""
    site = Site(app.settings.site_name, app.settings.public_url)
    PostOffice(app.database, app.clock, smtp_of(app.settings), site, partial(_complete, app)).deliver(arguments)


def _complete(app: App, template: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put into a letter what no row may hold: the secret half of a link."""
    if template == "password-link":
        text = links.link_text(app.key, values["link_id"])
        hours = readable_span(timedelta(seconds=app.settings.link_seconds))
        return {**values, "url": f"{app.settings.public_url}/account/link/{text}/", "hours": hours}
    return values


def _tell_people(app: App, sql: Connection, entry: Entry) -> None:
    """Write the letters of an event."""
    tell_people(sql, entry, app.clock.now())


def _webhook_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Send what waits for one webhook. Running it again finds what was sent marked, and sends the rest."""
    Courier(app.deeds, app.outbound, app.key.secret).run(arguments["hook"])


def _tidy_webhooks_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Forget deliveries of long ago. Running it again forgets nothing more."""
    deliver.tidy(app.deeds)


def _tell_webhooks(app: App, sql: Connection, entry: Entry) -> None:
    """Queue an event for the webhooks that hear of it."""
    queue_deliveries(sql, entry, app.clock.now())


def _keep_search(_app: App, sql: Connection, entry: Entry) -> None:
    """Write the project's words again."""
    index_entry(sql, entry)


def _reindex_search_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Write the words of all projects from what is listed now. Running it again writes the same."""
    log.info("search knows the words of %d projects", index_all(app.database))


def _end_deleted_files_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Void a project's gates because some deleted files answer no longer. Running it again voids them again."""
    app.do(end_deleted_files, arguments["project"])


def _erase_objects_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Remove the bytes of an erased file. Running it again finds them gone."""
    sweep_digests(app.deeds, app.blobs, list(arguments["digests"]))


Follower = Callable[[App, Connection, Entry], None]
FOLLOWERS: Mapping[str, Follower] = {"mail": _tell_people, "webhooks": _tell_webhooks, "search": _keep_search}
"""Who hears of every event, by name: see `ledger.follow`."""

JOBS: Mapping[str, JobRun] = {
    "sweep": _sweep_job,
    "old-sessions": _old_sessions_job,
    "fold-downloads": _fold_downloads_job,
    "mail": _mail_job,
    "webhook": _webhook_job,
    "tidy-webhooks": _tidy_webhooks_job,
    "reindex-search": _reindex_search_job,
    END_JOB: _end_deleted_files_job,
    ERASE_JOB: _erase_objects_job,
}
PERIODIC: Mapping[str, timedelta] = {
    "sweep": SWEEP_EVERY,
    "old-sessions": SWEEP_EVERY,
    "fold-downloads": FOLD_EVERY,
    "tidy-webhooks": SWEEP_EVERY,
}


OUTSIDE = frozenset({"mail", "webhook"})
"""Jobs that wait for others outside. They have threads of their own, so that a receiver that hangs holds up nothing."""
ATTEMPTS: Mapping[str, int] = {"mail": 60}
"""Jobs that are more patient than the others: a mail server may be away for two days."""
OUTSIDE_THREADS = 4
OUTSIDE_STOPS_SECONDS = 5.0


def work(settings: Settings, stop: threading.Event) -> None:
    """Tell followers and run due jobs until told to stop."""
    with open_app(settings) as app:
        seed_periodic_jobs(app)
        outside = [
            threading.Thread(target=_work_outside, args=(app, stop), daemon=True) for _ in range(OUTSIDE_THREADS)
        ]
        for thread in outside:
            thread.start()
        while not stop.is_set():
            try:
                idle = not (run_followers(app) | run_due_job(app, without=OUTSIDE))
            except Unavailable as error:
                log.warning("%s", error)
                idle = True
            if idle:
                stop.wait(IDLE_SECONDS)
        for thread in outside:
            thread.join(OUTSIDE_STOPS_SECONDS)


def _work_outside(app: App, stop: threading.Event) -> None:
    """Run the jobs that wait for others. One that is cut off by our end runs again when its lease is over."""
    while not stop.is_set():
        try:
            idle = not run_due_job(app, only=OUTSIDE)
        except Unavailable as error:
            log.warning("%s", error)
            idle = True
        if idle:
            stop.wait(IDLE_SECONDS)


def seed_periodic_jobs(app: App) -> None:
    """Make sure that each periodic job is waiting exactly once."""
    with app.database.write() as sql:
        for name, every in PERIODIC.items():
            jobs.add(sql, name, {}, due_at=app.clock.now() + every, key=f"periodic:{name}")


def run_followers(app: App) -> bool:
    """Tell each follower what is new to it; False if nothing was."""
    return sum(follow(app.database, name, partial(react, app)) for name, react in FOLLOWERS.items()) > 0


def run_due_job(app: App, *, only: Collection[str] | None = None, without: Collection[str] = ()) -> bool:
    """Run the job that is due longest, if any; False if none was due. A failure is kept with the job."""
    claimed = jobs.claim(app.database, app.clock.now(), only=only, without=without)
    if claimed is None:
        return False
    try:
        JOBS.get(claimed.name, _unknown_job)(app, claimed.arguments)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is kept with the job and tried again
        reason = str(error) if isinstance(error, CustomhouseError) else f"{type(error).__name__}: {error}"
        log.warning("job %d (%s), attempt %d: %s", claimed.id, claimed.name, claimed.attempts, reason)
        jobs.fail(
            app.database,
            claimed,
            reason,
            now=app.clock.now(),
            attempts_allowed=ATTEMPTS.get(claimed.name, app.settings.job_attempts),
        )
        return True
    with app.database.write() as sql:
        jobs.finish(sql, claimed)
        if claimed.name in PERIODIC:
            due_at = app.clock.now() + PERIODIC[claimed.name]
            jobs.add(sql, claimed.name, {}, due_at=due_at, key=f"periodic:{claimed.name}")
    return True
