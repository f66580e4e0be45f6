"""The composition root: settings in, an `App` out. Whatever a door needs, it gets from here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Semaphore
from typing import TypeVar

from customhouse.accounts import tokens
from customhouse.accounts.breached import Breached, breached_of
from customhouse.accounts.limits import Limiter
from customhouse.accounts.oidc import Logins
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.sessions import Lifetimes
from customhouse.accounts.tokens import (
    Bearer,
    CreateToken,
    NewToken,
    NoteRevokedUse,
    RevokedToken,
    note_revoked_use,
)
from customhouse.advisories import tables as _advisory_tables  # noqa: F401 - part of the schema
from customhouse.advisories.disclosure import tables as _disclosure_tables  # noqa: F401 - part of the schema
from customhouse.advisories.known import Known
from customhouse.advisories.triage import tables as _triage_tables  # noqa: F401 - part of the schema
from customhouse.advisories.vex import tables as _vex_tables  # noqa: F401 - part of the schema
from customhouse.catalog import bundled_tables as _bundled_tables  # noqa: F401 - part of the schema
from customhouse.catalog import critical_tables as _critical_tables  # noqa: F401 - part of the schema
from customhouse.catalog import public_signal_tables as _public_signal_tables  # noqa: F401 - part of the schema
from customhouse.catalog import release_objects as _release_objects  # noqa: F401 - part of the schema
from customhouse.catalog import staged_tables as _staged_tables  # noqa: F401 - part of the schema
from customhouse.catalog.lifecycle import DeletionPolicy, Price
from customhouse.catalog.quotas import Limits
from customhouse.formats.amendment import Amendment, PublicKey, Signed, Withdrawal
from customhouse.index import check as invariants
from customhouse.index.advising import tables as _advising_tables  # noqa: F401 - part of the schema
from customhouse.index.amending import tables as _amending_tables  # noqa: F401 - part of the schema
from customhouse.index.attesting import Attesting
from customhouse.index.blast import tables as _blast_tables  # noqa: F401 - part of the schema
from customhouse.index.delete import Delete, delete
from customhouse.index.diff import Comparisons
from customhouse.index.domains import tables as _domain_tables  # noqa: F401 - part of the schema
from customhouse.index.domains.rounds import Watch
from customhouse.index.giveaway import tables as _giveaway_tables  # noqa: F401 - part of the schema
from customhouse.index.mandates import tables as _mandate_tables  # noqa: F401 - part of the schema
from customhouse.index.provenance import forget_pages_with_addresses
from customhouse.index.publishing.mint import Minting
from customhouse.index.publishing.sender import publisher_behind
from customhouse.index.recovery import tables as _recovery_tables  # noqa: F401 - part of the schema
from customhouse.index.render import Renderer
from customhouse.index.slow.model import PendingChange
from customhouse.index.staging.desk import Desk
from customhouse.index.staging.policy import Policy
from customhouse.index.standing import tables as _standing_tables  # noqa: F401 - part of the schema
from customhouse.index.sweep import sweep
from customhouse.index.trust import tables as _trust_tables  # noqa: F401 - part of the schema
from customhouse.index.upload import Reception
from customhouse.infra.blob_stores import open_blobs
from customhouse.infra.blobs import Blobs
from customhouse.infra.blobs_local import LocalBlobs
from customhouse.infra.db import Database, database_url
from customhouse.infra.dns import Resolver
from customhouse.infra.fetch import Outbound
from customhouse.infra.issuer import Issuers
from customhouse.infra.key_file import make_key, read_secret
from customhouse.infra.migrate import migrate
from customhouse.infra.pages import Pages
from customhouse.infra.pages_open import open_pages
from customhouse.infra.rdap import Rdap
from customhouse.infra.reach import Reach
from customhouse.infra.settings import Settings
from customhouse.infra.signing_keys import make_signing_keys, read_signing_keys
from customhouse.infra.spool import open_spool
from customhouse.infra.tables import edition
from customhouse.infra.walkers import Walkers
from customhouse.ledger.tx import Deeds, Tx
from customhouse.mirror import object_tables as _mirror_object_tables  # noqa: F401 - part of the schema
from customhouse.mirror import tables as _mirror_tables  # noqa: F401 - part of the schema
from customhouse.mirror.leading import Leading
from customhouse.mirror.objects import Objects
from customhouse.mirror.partial import partials_folder
from customhouse.mirror.pull import Upstreams
from customhouse.mirror.upstream import indexes_of
from customhouse.release.room import tables as _release_tables  # noqa: F401 - part of the schema
from customhouse.release.room.room import Room
from customhouse.reports import tables as _report_tables  # noqa: F401 - part of the schema
from customhouse.terms.clock import Clock, SystemClock
from customhouse.terms.errors import Unavailable
from customhouse.terms.identity import Actor
from customhouse.trust import tables as _publisher_tables  # noqa: F401 - part of the schema
from customhouse.trust.issuers import issuers_of
from customhouse.trust.private_sigstore import tables as _sigstore_tables  # noqa: F401 - part of the schema
from customhouse.trust.private_sigstore.restored import standings
from customhouse.trust.private_sigstore.service import Sigstore, make_ready
from customhouse.trust.roots import Root, roots_of
from customhouse.views import tables as _view_tables  # noqa: F401 - part of the schema
from customhouse.views.check import check_views
from customhouse.views.facts.subject import Surroundings
from customhouse.views.log import tables as _view_log_tables  # noqa: F401 - part of the schema
from customhouse.views.names.known import KnownNames
from customhouse.views.offering import Views
from customhouse.views.provenance.see import Provenances
from customhouse.views.queries import all_views
from customhouse.views.render import ViewRenderer
from customhouse.views.signals import tables as _signal_tables  # noqa: F401 - part of the schema
from customhouse.views.simulate import tables as _candidate_tables  # noqa: F401 - part of the schema

C = TypeVar("C")
R = TypeVar("R")


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
    staging: Desk
    comparisons: Comparisons
    outbound: Outbound
    upstreams: Upstreams
    """Projects of upstreams."""
    objects: Objects
    """Files of upstreams."""
    provenances: Provenances
    """What is attested of them."""
    issuers: Issuers
    resolver: Resolver
    rdap: Rdap
    key: ServerKey
    limiter: Limiter
    breached: Breached
    logins: Logins
    advice: Known
    """What is known to be wrong with packages."""
    roots: tuple[Root, ...]
    """Of trust: whose certificates attestations may rest on."""
    views: Views
    view_renderer: ViewRenderer
    room: Room
    """Release runs whose actors meet here."""
    sigstore: Sigstore | None = None
    """The private one, if it runs here."""

    def do(self, deed: Callable[[C, Tx], R], command: C) -> R:
        """Do one deed in one transaction; a refusal's records are written in a second one."""
        return self.deeds.do(deed, command)

    def create_token(self, command: CreateToken) -> NewToken:
        """Make an API token; its text exists only in the answer."""
        return self.do(lambda wish, tx: tokens.create_token(self.key, wish, tx), command)

    def authenticate(self, token: str, address: str = "") -> Bearer:
        """Who a token belongs to that was sent from this address; raises `Refused` (401 or 403)."""
        now = self.clock.now()
        try:
            with self.database.read() as sql:
                bearer = tokens.authenticate(self.key, sql, token, now=now, address=address)
        except RevokedToken as refusal:
            if not refusal.noted:
                self.do(note_revoked_use, NoteRevokedUse(refusal.token_id, address))
            raise
        if bearer.used_at is None or now - bearer.used_at >= tokens.USED_EVERY:
            # A busy database is no reason to turn anybody away.
            with suppress(Unavailable), self.database.write() as sql:
                tokens.note_use(sql, bearer.token_id, now, address)
        return bearer

    def sender(self, token: str, address: str = "") -> Actor:
        """Who sends something to be published with this token; raises `Refused` (401 or 403)."""
        with self.database.read() as sql:
            publisher = publisher_behind(self.key, sql, token, self.clock.now(), address)
        return publisher or self.authenticate(token, address).actor

    @property
    def upstream_names(self) -> frozenset[str]:
        """The upstreams that the settings describe."""
        return frozenset(one.name for one in self.settings.upstreams)

    @property
    def minting(self) -> Minting:
        """Who exchanges ID tokens of trusted publishers."""
        known = issuers_of(self.settings)
        return Minting(self.deeds, self.key, self.issuers, known, self.settings.audience)

    def sign(self, record: Amendment | Withdrawal) -> tuple[Signed, tuple[PublicKey, ...]]:
        """Sign with the index's own key of this moment; says which public keys there are, too."""
        keys = read_signing_keys(self.settings)
        return keys.sign(record), keys.public

    def remove(self, wish: Delete) -> Price | PendingChange:
        """Delete by the policy of the settings; returns what it cost, or what waits."""
        settings = self.settings
        policy = DeletionPolicy(timedelta(hours=settings.free_deletion_hours), settings.deletion_downloads)
        return self.do(delete, replace(wish, policy=policy, addresses_answer=_answer_for_deleted(settings)))

    def check(self, *, sample: int | None = None) -> list[invariants.Checked]:
        """Test every invariant of the design."""
        found = invariants.check(
            invariants.Subjects(
                self.database,
                self.blobs,
                self.pages,
                self.clock.now(),
                self._sweep_grace() * 2,
                deleted_files_answer=_answer_for_deleted(self.settings),
                site=self.settings.public_url,
                sample=sample,
            )
        )
        internal = self.settings.internal_names
        views = check_views(self.database, self.clock, internal=internal, sample=sample)
        return [*found, *views, *([] if self.sigstore is None else [_check_logs(self.sigstore)])]

    def sweep(self) -> int:
        """Remove objects that no row names and that are older than the grace time; returns how many.

        What killed processes had begun to write into a local store goes, too.
        """
        if isinstance(self.blobs, LocalBlobs):
            self.blobs.sweep_temporaries(self.clock.now() - self._sweep_grace())
        return sweep(self.deeds, self.blobs, grace=self._sweep_grace())

    @property
    def watch(self) -> Watch:
        """Who looks at mail domains, for one run."""
        settings = self.settings
        return Watch(
            self.deeds, self.clock, self.resolver, self.rdap, settings.domain_unverify_per_day,
            settings.domain_alarm_days, settings.domains_spared,
        )  # fmt: skip

    @property
    def lifetimes(self) -> Lifetimes:
        """How long sessions live."""
        return Lifetimes(
            timedelta(seconds=self.settings.session_idle_seconds), timedelta(seconds=self.settings.session_life_seconds)
        )

    def _sweep_grace(self) -> timedelta:
        return timedelta(seconds=self.settings.sweep_grace_seconds)


@contextmanager
def open_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    walkers: Walkers | None = None,
    pages: Pages | None = None,
    blobs: Blobs | None = None,
) -> Iterator[App]:
    """Open the parts on a database that `prepare` has brought up to date, and close them at the end.

    Walkers that are handed in are shared and stay open. Pages are closed with the rest, whoever has opened them.
    """
    clock, blobs = clock or SystemClock(), blobs or open_blobs(settings)
    with ExitStack() as closes:
        database = closes.enter_context(closing(Database(database_url(settings))))
        pages = closes.enter_context(closing(pages or open_pages(settings)))
        walkers = walkers or closes.enter_context(closing(_open_walkers(settings)))
        deeds = Deeds(database, clock, pages.forget, delay=timedelta(hours=settings.slow_motion_hours))
        key, known = read_key(settings), issuers_of(settings)
        outbound = Outbound(Reach.parse(settings.private_networks_allowed))
        issuers = Issuers(outbound, clock)
        sigstore = Sigstore.open(settings, deeds, issuers) if settings.sigstore else None
        # What is signed with our own Sigstore is believed here.
        roots = (*roots_of(settings), *([sigstore.root] if sigstore is not None else []))
        reception, staging = _open_reception(settings, deeds, blobs, walkers, Attesting(database, clock, roots, known))
        upstreams, objects = _open_mirror(settings, deeds, blobs, outbound, walkers)
        closes.callback(upstreams.close)
        closes.callback(objects.close)
        advice = Known(database)
        views = Views(
            database, clock, upstreams, Surroundings(advice, settings.internal_names), _answer_for_deleted(settings),
            settings.public_url,
        )  # fmt: skip
        yield App(
            settings=settings,
            clock=clock,
            database=database,
            blobs=blobs,
            pages=pages,
            deeds=deeds,
            walkers=walkers,
            renderer=Renderer(
                database, pages, clock, deleted_files_answer=_answer_for_deleted(settings), site=settings.public_url
            ),
            reception=reception,
            staging=staging,
            comparisons=Comparisons(blobs, walkers, open_spool(settings.data), at_once=_readers_besides(walkers)),
            outbound=outbound,
            upstreams=upstreams,
            objects=objects,
            provenances=Provenances(deeds, objects.streams, objects.indexes, roots, offline=settings.offline),
            issuers=issuers,
            resolver=Resolver.of(settings.dns_servers, settings.dns_seconds),
            rdap=Rdap(outbound, bootstrap=settings.rdap_bootstrap, url=settings.rdap_url),
            key=key,
            limiter=Limiter(database, clock, key),
            breached=breached_of(settings, outbound),
            logins=Logins(settings.oidc_logins, issuers, outbound, key, clock, settings.public_url),
            advice=advice,
            roots=roots,
            views=views,
            view_renderer=ViewRenderer(views, pages),
            sigstore=sigstore,
            room=Room(deeds, key, blobs, issuers, known, settings.audience, settings.public_url),
        )


def _open_walkers(settings: Settings) -> Walkers:
    return Walkers(count=os.cpu_count() or 1, seconds=settings.walk_seconds, memory_bytes=settings.walk_memory_bytes)


def _readers_besides(walkers: Walkers) -> int:
    """How many readers do other work at once: one at least stays for uploads, where there are several."""
    return max(1, walkers.count - 1)


def _open_reception(
    settings: Settings, deeds: Deeds, blobs: Blobs, walkers: Walkers, attesting: Attesting
) -> tuple[Reception, Desk]:  # fmt: skip
    """Where files come in: each by itself, or as a release that is staged."""
    spool, policy = open_spool(settings.data), policy_of(settings)
    return (
        Reception(deeds, blobs, walkers.examine, spool, policy, attesting),
        Desk(deeds, blobs, walkers.examine, spool, policy, verify=attesting.verify_staged),
    )


def _open_mirror(
    settings: Settings, deeds: Deeds, blobs: Blobs, outbound: Outbound, walkers: Walkers
) -> tuple[Upstreams, Objects]:
    """What upstreams list, and their files."""
    indexes = indexes_of(settings.upstreams)
    objects = Objects(
        deeds,
        blobs,
        Leading(outbound, indexes),
        walkers.examine,
        partials_folder(settings.data),
        open_spool(settings.data),
        indexes,
        settings.mirror_file_bytes,
        offline=settings.offline,
        readers=Semaphore(_readers_besides(walkers)),
    )
    upstreams = Upstreams(
        deeds, deeds.clock, outbound, indexes, KnownNames(settings.internal_names), settings.data,
        offline=settings.offline, orders=lambda sql: [one.upstreams for one in all_views(sql)],
    )  # fmt: skip
    return upstreams, objects


def _check_logs(sigstore: Sigstore) -> invariants.Checked:
    found = standings(sigstore.logbook)
    faults = tuple(f"{one.now.origin}: {one.fault}" for one in found if one.fault)
    return invariants.Checked("the logs of the private Sigstore have all that they have shown", len(found), faults)


def prepare(settings: Settings) -> None:
    """Make the data folder, the server's key and the schema; harmless when they are there."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    open_spool(settings.data)
    make_key(settings)
    make_signing_keys(settings)
    database = Database(database_url(settings))
    try:
        migrate(database)
        if settings.sigstore:
            make_ready(settings, Deeds(database, SystemClock()))
    finally:
        database.close()


def forget_addresses(settings: Settings) -> None:
    """Drop the ready pages that say in full where something is: the settings may say now that we are elsewhere."""
    database = Database(database_url(settings))
    try:
        with database.write() as sql:
            forget_pages_with_addresses(sql)
            # What views show names addresses of provenance in full; without editions none of it is used.
            sql.execute(edition.delete())
    finally:
        database.close()


def _answer_for_deleted(settings: Settings) -> timedelta:
    """So long the addresses of deleted files answer."""
    return timedelta(days=settings.deleted_files_days)


def limits_of(settings: Settings) -> Limits:
    """How large files and projects may be that were granted nothing more."""
    return Limits(settings.file_quota_bytes, settings.project_quota_bytes)


def policy_of(settings: Settings) -> Policy:
    """What is allowed of releases that come in."""
    return Policy(
        life=timedelta(days=settings.stage_days),
        open_for=timedelta(days=settings.release_open_days),
        limits=limits_of(settings),
        linux_tags=settings.linux_tags,
        deferred_bytes=settings.deferred_check_bytes,
        site=settings.public_url,
    )


def read_key(settings: Settings) -> ServerKey:
    """The server's key; raises `Unavailable` if it is missing or damaged."""
    return ServerKey(read_secret(settings))
