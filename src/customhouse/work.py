"""The worker: followers hear of what happened, jobs are run when they are due."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import Connection

from customhouse.accounts import devices, history, limits, linked, links, oidc, sessions
from customhouse.accounts.emails import UNDO_LIFE
from customhouse.accounts.sign_in_limits import second_limits
from customhouse.accounts.users import find_user_by_id
from customhouse.accounts.webauthn_challenges import forget_old_challenges
from customhouse.advisories.refresh import (
    EXPLOITATION_JOB,
    READ_JOB,
    REFRESH_JOB,
    read_exploitation,
    read_one,
    refresh,
)
from customhouse.advisories.sources.model import Source
from customhouse.app import App, open_app
from customhouse.catalog.downloads.fold_spools import fold_spools
from customhouse.catalog.search.write import index_all, index_entry
from customhouse.formats.policy.unknown import LOAD_ADVISORIES
from customhouse.index import dormant
from customhouse.index.advising.follow import AFFECTED_JOB, MALWARE_JOB, find_affected, note_advising
from customhouse.index.advising.malware import KeepMalwareRecord, keep_malware_record
from customhouse.index.advising.tell import tell_owners
from customhouse.index.bundling.rescan import RESCAN_JOB, rescan
from customhouse.index.close_account import FORGET_JOB, forget_address
from customhouse.index.delete import END_JOB, end_deleted_files
from customhouse.index.disclosing.complete_letter import complete_letter as complete_disclosure
from customhouse.index.disclosing.cve_jobs import PUBLISH_JOB as PUBLISH_CVE_JOB
from customhouse.index.disclosing.cve_jobs import REJECT_JOB, RELEASE_JOB, RESERVE_JOB
from customhouse.index.disclosing.reserve import publish_now, reject_now, release_now, reserve_now
from customhouse.index.disclosing.rules import Rules
from customhouse.index.disclosing.take_mail import MailDesk
from customhouse.index.disclosing.tell import LETTER as DISCLOSURE_LETTER
from customhouse.index.disclosing.watch_clocks import WATCH_JOB, watch_clocks
from customhouse.index.erase import ERASE_JOB
from customhouse.index.giveaway.draw import draw_due
from customhouse.index.letters.letter import Site, readable_span
from customhouse.index.mandates.announce import LETTERS_JOB
from customhouse.index.mandates.tell import write_letters
from customhouse.index.mark_critical import count_now, counted_today
from customhouse.index.post import PostOffice
from customhouse.index.public_signals import COUNT_JOB, ONE_JOB, count_public_signals, note_owners
from customhouse.index.publishing.tidy import JOB as PUBLISHING_JOB
from customhouse.index.publishing.tidy import tidy_publishing
from customhouse.index.recovery.close import end_old_cases
from customhouse.index.recovery.complete import Complete, complete
from customhouse.index.recovery.decide import COMPLETE_JOB
from customhouse.index.recovery.delays import delays_of
from customhouse.index.recovery.links import complete_letter
from customhouse.index.recovery.open import ANNOUNCE_JOB, announce
from customhouse.index.recovery.queries import find_case
from customhouse.index.reset_password import JOB as RESET_JOB
from customhouse.index.reset_password import AskReset, ask_reset
from customhouse.index.slow.links import veto_text
from customhouse.index.slow.put_off import JOB as PENDING_JOB
from customhouse.index.staging.complete import EXAMINE_JOB
from customhouse.index.staging.expire import EXPIRE_JOB, expire_sessions
from customhouse.index.standing.deliver import deliver as deliver_standing
from customhouse.index.standing.look import WEBHOOK_JOB, hear, look
from customhouse.index.standing.register import JOB as STANDING_JOB
from customhouse.index.sweep import sweep_digests
from customhouse.index.tell import tell_people
from customhouse.index.trust.snapshot import take_snapshot
from customhouse.index.waited.apply import apply_due
from customhouse.index.webhooks import deliver
from customhouse.index.webhooks.deliver import Courier
from customhouse.index.webhooks.queue import queue_deliveries
from customhouse.infra import jobs
from customhouse.infra.count_spool import counts_folder
from customhouse.infra.cve_services import CveServices
from customhouse.infra.decision_spool import decisions_folder
from customhouse.infra.mail import smtp_of
from customhouse.infra.settings import Settings
from customhouse.infra.spool import open_spool
from customhouse.ledger.chain import Entry
from customhouse.ledger.follow import follow
from customhouse.mirror.let_go import KeepRules, let_go
from customhouse.mirror.object_rows import note_files_used, unexamined
from customhouse.mirror.objects import PROVENANCE_JOB
from customhouse.mirror.partial import tidy_partials
from customhouse.mirror.queries import mirrored_project
from customhouse.release.room.writer import BUNDLE_JOB
from customhouse.terms.errors import CustomhouseError, Rejected, Unavailable
from customhouse.trust.private_sigstore.certify import forget_old_tokens
from customhouse.trust.private_sigstore.collect import collect
from customhouse.trust.private_sigstore.logbook import COSIGN_JOB
from customhouse.trust.private_sigstore.service import make_ready
from customhouse.trust.private_sigstore.tuf_repository import RENEW_JOB
from customhouse.views.log.fold import fold_decisions
from customhouse.views.log.handed_out import handed_out_since
from customhouse.views.simulate.candidates import forget_expired
from customhouse.views.standing import unadvised_views
from customhouse.views.void import VOID_JOB, VoidNames, holders_of_libraries, note_void, void_everything, void_names

log = logging.getLogger("customhouse.work")

SWEEP_EVERY = timedelta(hours=1)
LOOK_EVERY = timedelta(minutes=10)
OPENING_LETTERS = frozenset({"password-link", "recovery-link"})
"""Letters with which an account may be opened: the domain that they go to is looked at again before."""
COUNT_EVERY = timedelta(minutes=10)
FOLD_EVERY = timedelta(seconds=10)
WAKE_JOB = "wake-releases"
DAILY = timedelta(days=1)
IDLE_SECONDS = 1.0
UNEXAMINED_AT_ONCE = 20
USED_AT_ONCE = 200

LINK_PAGES: Mapping[str, str] = {
    "password-link": "/account/link/",
    "verify-address": "/account/verify/",
    "confirm-address": "/account/verify/",
    "address-taken-away": "/account/undo/",
}
"""Where the link of a letter leads, by the letter's name."""

JobRun = Callable[[App, Mapping[str, Any]], None]


def _sweep_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Remove orphans. Running it again finds nothing left to remove."""
    removed = app.sweep()
    if removed:
        log.info("swept %d objects that no row names", removed)


def _unknown_job(_app: App, _arguments: Mapping[str, Any]) -> None:
    raise Rejected("unknown-job", "job", "this version does not know it", "a later version")


def _old_sessions_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Forget sessions that are over, attempts that count no more, and old browsers. Running it again finds none."""
    with app.database.write() as sql:
        sessions.forget_old_sessions(sql, app.clock.now(), app.lifetimes)
        limits.forget_old_attempts(sql, app.clock.now())
        linked.forget_old_returns(sql, app.clock.now(), oidc.STATE_LIFE)
        devices.forget_old(sql, app.clock.now())
        forget_old_challenges(sql, app.clock.now())
        forget_expired(sql, app.clock.now())


def _fold_downloads_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Fold the spool files of downloads. Running it again finds every batch folded and adds nothing."""
    fold_spools(app.database, counts_folder(app.settings.data), app.clock.now(), app.settings.fetched_days)


def _wake_releases_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Do in release runs what time alone brings about. Running it again finds nothing left to do."""
    app.room.wake()


def _bundle_release_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Make the file from which strangers verify a release. Running it again finds it made."""
    book = app.sigstore.logbook if app.sigstore is not None else None
    app.room.bundle(arguments["run"], open_spool(app.settings.data), app.roots, book)


def _fold_decisions_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Fold the spool files of views' decisions. Running it again finds every batch folded and adds nothing."""
    fold_decisions(app.database, decisions_folder(app.settings.data), app.clock.now(), app.settings.decisions_days)


def _mail_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Write and send one letter. Running it again sends the same letter under the same Message-ID."""
    opens = arguments["template"] in OPENING_LETTERS and app.settings.domain_checks
    if opens and not app.watch.look_before_letter(arguments["account_id"]):
        log.info("letter %s for account %d: its domain waits", arguments["template"], arguments["account_id"])
        return
    site = Site(app.settings.site_name, app.settings.public_url)
    PostOffice(app.database, app.clock, smtp_of(app.settings), site, partial(_complete, app)).deliver(arguments)


def _complete(app: App, template: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put into a letter what no row may hold: the secret half of a link."""
    if template in LINK_PAGES and "link_id" in values:
        text = links.link_text(app.key, values["link_id"])
        lasts = UNDO_LIFE if template == "address-taken-away" else timedelta(seconds=app.settings.link_seconds)
        url = f"{app.settings.public_url}{LINK_PAGES[template]}{text}/"
        return {**values, "url": url, "hours": readable_span(lasts)}
    if template in ("recovery-link", "recovery-address"):
        with app.database.read() as sql:
            site = app.settings.public_url
            return {**values, "url": complete_letter(app.key, sql, template, values["case_id"], site)}
    if template == "confirm-browser":
        text = devices.link_text(app.key, values["question_id"])
        life = readable_span(sessions.WAITING_LIFE)
        return {**values, "url": f"{app.settings.public_url}/account/browser/{text}/", "life": life}
    if template == DISCLOSURE_LETTER:
        with app.database.read() as sql:
            return complete_disclosure(app.key, sql, values, Rules.of(app.settings))
    if template == "change-put-off":
        text = veto_text(app.key, values["body"]["change_id"], values["reader_id"])
        return {**values, "veto_url": f"{app.settings.public_url}/veto/{text}/"}
    return values


def _reset_password_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Send a link to a new password if one may be sent. Running it again sends another link, which harms nobody."""
    if arguments["account_id"] is None:
        return
    with app.database.read() as sql:
        user = find_user_by_id(sql, arguments["account_id"])
    life, blocked_for = timedelta(seconds=app.settings.link_seconds), timedelta(days=app.settings.resets_blocked_days)
    app.do(ask_reset, AskReset(user, arguments["network"], life, blocked_for, arguments["over_limit"]))


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


def _keep_history(_app: App, sql: Connection, entry: Entry) -> None:
    """Note whose account an event is about."""
    history.note_event(sql, entry)


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


def _draw_giveaways_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Note who may take part in giveaways whose day has come. Running it again finds them noted."""
    app.do(draw_due, None)


def _pending_change_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Make a change whose time has come. Running it again finds it made, stopped or lapsed."""
    apply_due(app.deeds, arguments["change_id"])


def _count_critical_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Once a day count downloads by network and mark what became critical. Running it again finds the day counted."""
    if counted_today(app.database, app.clock.now()):
        return
    found = count_now(app.deeds, app.settings.critical_rule, app.settings.critical_names)
    if found.marked or found.asked:
        log.info("marked %d projects as critical, asked about %d", len(found.marked), len(found.asked))


def _mandate_letters_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Tell people what is required of them. Running it again finds them told."""
    write_letters(app.database, app.clock.now(), app.settings.public_url)


def _complete_recovery_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Give an account back whose delay is over. Running it again finds it done, contested, or not yet due."""
    life = timedelta(seconds=app.settings.link_seconds)
    done = app.do(complete, Complete(arguments["case_id"], delays_of(app.settings), life))
    with app.database.read() as sql:
        case = find_case(sql, arguments["case_id"])
        user = find_user_by_id(sql, case.account_id) if done and case and case.account_id is not None else None
    if user is not None:
        app.limiter.forget(*second_limits(user))


def _announce_recovery_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Tell those concerned that a recovery case was opened. Running it again finds them told."""
    app.do(announce, arguments["case_id"])


def _old_recoveries_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """End recovery cases that nobody has agreed on in time. Running it again finds none."""
    app.do(end_old_cases, app.clock.now())


def _trust_snapshot_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Count for the dashboard, once a day. Running it again the same day changes nothing; a missed day stays a gap."""
    if take_snapshot(app.database, app.clock.now()):
        log.info("counted for the dashboard of trust")


def _gather_domains_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Write down which mail domains there are. Running it again writes nothing."""
    if app.settings.domain_checks:
        app.watch.gather()


def _look_at_domains_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Look at the mail domains that are due. Running it again looks at those that are left."""
    if app.settings.domain_checks:
        app.watch.run(app.settings.domain_looks_per_run)


def _forget_address_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Forget the address of an account that was closed a while ago. Running it again finds none."""
    app.do(forget_address, arguments["account_id"])


def _keep_roles_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Count how long roles sleep. Running it again finds every role counted and everybody reminded."""
    app.do(dormant.keep_roles, None)


def _refresh_advisories_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Have every source of advisories read. Running it again finds them waiting, or read and unchanged."""
    configured = [
        Source(one.name, one.kind, one.place, one.trust, one.ecosystems) for one in app.settings.advisory_sources
    ]
    refresh(app.deeds, configured)


def _read_advisory_source_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Read one source of advisories. Running it again writes what has changed since, mostly nothing."""
    read_one(app.deeds, app.outbound, arguments["source"])


def _scan_bundled_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Look into some wheels for libraries that nobody has looked for. Running it again finds them looked into."""
    after = int(arguments.get("after", 0))
    last = rescan(app.deeds, app.blobs, app.walkers.scan, open_spool(app.settings.data), after=after)
    if last is not None:
        with app.database.write() as sql:
            jobs.add(sql, RESCAN_JOB, {"after": last}, due_at=app.clock.now(), key=f"{RESCAN_JOB}:{last}")


def _read_exploitation_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Read what is known of exploitation. Running it again replaces it with the same."""
    read_exploitation(app.deeds, app.outbound, app.settings.exploited_catalogue, app.settings.likelihood_scores)


def _find_affected_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Store what affects some projects, and tell owners whose newest release it is. Running it again does nothing."""
    find_affected(app.database, arguments["names"])
    tell_owners(app.deeds, arguments["names"])


def _keep_malware_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Make records of malware say what the verdicts say. Running it again writes nothing."""
    for case_id in arguments["cases"]:
        app.do(keep_malware_record, KeepMalwareRecord(case_id, app.settings.malware_prefix, app.settings.public_url))


def _note_advising(_app: App, sql: Connection, entry: Entry) -> None:
    """Have it computed anew what is affected here, and what our own verdicts say."""
    note_advising(sql, entry)


def _tidy_publishing_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """End pending publishers whose time is over. Running it again finds none."""
    app.do(tidy_publishing, None)


def _examine_staged_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Examine a large file of a release that is being made. Running it again finds it examined."""
    app.staging.examine_later(arguments["file"])


def _expire_sessions_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """End releases that nobody has published in time. Running it again finds none."""
    expire_sessions(app.deeds)


def _hear_for_standing(app: App, sql: Connection, entry: Entry) -> None:
    """Have registered lists looked at again when something changes of what is in them."""
    hear(sql, entry, app.clock.now())


def _standing_audit_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Audit a registered list again. Running it again finds nothing new and tells nothing."""
    look(app.deeds, str(arguments["standing"]))


def _standing_webhook_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Send findings to a webhook. Running it again sends the same under the same identifier."""
    deliver_standing(app.deeds, app.outbound, app.key.secret, arguments)


def _reserve_cve_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Have CVE Services reserve an id. Running it again finds the one that the last run has reserved."""
    reserve_now(app.deeds, _cve_services(app), Rules.of(app.settings), arguments["case_id"])


def _publish_cve_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Publish a CVE record whose advisory is public. Running it again writes the same record."""
    publish_now(app.deeds, _cve_services(app), Rules.of(app.settings), arguments["case_id"])


def _release_cve_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Give a CVE id back. Running it again finds it given back."""
    release_now(app.deeds, _cve_services(app), arguments["case_id"])


def _reject_cve_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Reject a published CVE record whose advisory was withdrawn. Running it again rejects it again."""
    reject_now(app.deeds, _cve_services(app), arguments["case_id"], arguments["reason"])


def _cve_services(app: App) -> CveServices:
    services = CveServices.of(app.settings, app.outbound)
    if services is None:
        raise Unavailable("CVE Services", "the setting cve_services is empty", retry_after_seconds=3600)
    return services


def _watch_disclosures_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Warn of dates in disclosure cases and of what is late. Running it again finds it told."""
    watch_clocks(app.deeds, Rules.of(app.settings))


def _count_public_signals_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Count what other indexes are told of our projects. Running it again finds it told."""
    count_public_signals(app.deeds, arguments.get("names", ()))


def _note_owners(_app: App, sql: Connection, entry: Entry) -> None:
    """Have counted at once what is told of a project whose owners change."""
    note_owners(sql, entry)


def _void_views_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Have views look anew at what an event concerns. Running it again has them look once more."""
    if "everything" in arguments:
        app.do(void_everything, arguments["everything"])
        return
    with app.database.read() as sql:
        holders = holders_of_libraries(sql, arguments["advisories"]) if arguments["advisories"] else set()
    why = "advisories have changed" if arguments["advisories"] else "its owners have changed"
    app.do(void_names, VoidNames((*arguments["names"], *holders), why))


def _note_void(_app: App, sql: Connection, entry: Entry) -> None:
    """Have views look anew at whatever an event concerns."""
    note_void(sql, entry)


def _renew_sigstore_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Renew the trust repository, and forget tokens that are dead. Running it again finds everything fresh."""
    if app.settings.sigstore:
        make_ready(app.settings, app.deeds)
    with app.database.write() as sql:
        forget_old_tokens(sql, app.clock.now())


def _cosign_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Show witnesses what is new in the logs. Running it again asks only those who have not signed it yet."""
    if app.sigstore is not None:
        for fault in collect(app.sigstore.logbook, app.sigstore.witnesses, app.outbound):
            log.warning("a witness has not signed: %s", fault)


def _let_go_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Let go of files of upstreams by the keep rules. Running it again finds the rules hold."""
    rules = KeepRules(app.settings.mirror_bytes, app.settings.mirror_days)
    with app.database.read() as sql:
        used = handed_out_since(sql, (app.clock.now() - DAILY).date())
    for start in range(0, len(used), USED_AT_ONCE):
        with app.database.write() as sql:
            note_files_used(sql, used[start : start + USED_AT_ONCE], app.clock.now())
    for digests in let_go(app.deeds, rules):
        sweep_digests(app.deeds, app.blobs, digests)
    tidy_partials(app.settings.data)


def _examine_mirrored_job(app: App, _arguments: Mapping[str, Any]) -> None:
    """Look into files of upstreams whose fetcher died before he had. Running it again finds none."""
    with app.database.read() as sql:
        waiting = unexamined(sql, UNEXAMINED_AT_ONCE)
    for row in waiting:
        app.objects.examine_row(row)


def _look_at_provenance_job(app: App, arguments: Mapping[str, Any]) -> None:
    """Verify what is attested of a file of an upstream. Running it again finds it verified."""
    with app.database.read() as sql:
        project = mirrored_project(sql, arguments["project"])
    for file in project.files if project is not None else ():
        if project is not None and file.filename == arguments["filename"]:
            app.provenances.see(file, project)


def _note_use(_app: App, sql: Connection, entry: Entry) -> None:
    """Note that somebody has used his role in a project."""
    dormant.note_use(sql, entry)


Follower = Callable[[App, Connection, Entry], None]
FOLLOWERS: Mapping[str, Follower] = {
    "mail": _tell_people,
    "webhooks": _tell_webhooks,
    "search": _keep_search,
    "history": _keep_history,
    "roles": _note_use,
    "advising": _note_advising,
    "standing": _hear_for_standing,
    "owners": _note_owners,
    "views": _note_void,
}
"""Who hears of every event, by name: see `ledger.follow`."""

JOBS: Mapping[str, JobRun] = {
    STANDING_JOB: _standing_audit_job,
    WEBHOOK_JOB: _standing_webhook_job,
    "sweep": _sweep_job,
    "count-critical": _count_critical_job,
    LETTERS_JOB: _mandate_letters_job,
    "old-sessions": _old_sessions_job,
    "fold-downloads": _fold_downloads_job,
    "fold-decisions": _fold_decisions_job,
    WAKE_JOB: _wake_releases_job,
    BUNDLE_JOB: _bundle_release_job,
    "mail": _mail_job,
    RESET_JOB: _reset_password_job,
    "webhook": _webhook_job,
    RESERVE_JOB: _reserve_cve_job,
    PUBLISH_CVE_JOB: _publish_cve_job,
    RELEASE_JOB: _release_cve_job,
    REJECT_JOB: _reject_cve_job,
    WATCH_JOB: _watch_disclosures_job,
    "tidy-webhooks": _tidy_webhooks_job,
    "gather-mail-domains": _gather_domains_job,
    "look-at-mail-domains": _look_at_domains_job,
    "reindex-search": _reindex_search_job,
    "draw-giveaways": _draw_giveaways_job,
    "trust-snapshot": _trust_snapshot_job,
    PENDING_JOB: _pending_change_job,
    FORGET_JOB: _forget_address_job,
    "keep-roles": _keep_roles_job,
    ANNOUNCE_JOB: _announce_recovery_job,
    COMPLETE_JOB: _complete_recovery_job,
    "old-recoveries": _old_recoveries_job,
    END_JOB: _end_deleted_files_job,
    ERASE_JOB: _erase_objects_job,
    EXAMINE_JOB: _examine_staged_job,
    EXPIRE_JOB: _expire_sessions_job,
    PUBLISHING_JOB: _tidy_publishing_job,
    REFRESH_JOB: _refresh_advisories_job,
    READ_JOB: _read_advisory_source_job,
    EXPLOITATION_JOB: _read_exploitation_job,
    AFFECTED_JOB: _find_affected_job,
    MALWARE_JOB: _keep_malware_job,
    RESCAN_JOB: _scan_bundled_job,
    PROVENANCE_JOB: _look_at_provenance_job,
    "let-go-of-files": _let_go_job,
    "examine-mirrored": _examine_mirrored_job,
    COUNT_JOB: _count_public_signals_job,
    ONE_JOB: _count_public_signals_job,
    VOID_JOB: _void_views_job,
    RENEW_JOB: _renew_sigstore_job,
    COSIGN_JOB: _cosign_job,
    "sigstore-cosign-all": _cosign_job,
}
PERIODIC: Mapping[str, timedelta] = {
    "keep-roles": timedelta(days=1),
    "sweep": SWEEP_EVERY,
    WATCH_JOB: SWEEP_EVERY,
    "count-critical": SWEEP_EVERY,
    LETTERS_JOB: DAILY,
    "old-sessions": SWEEP_EVERY,
    "old-recoveries": SWEEP_EVERY,
    "fold-downloads": FOLD_EVERY,
    "fold-decisions": FOLD_EVERY,
    WAKE_JOB: FOLD_EVERY,
    "tidy-webhooks": SWEEP_EVERY,
    "gather-mail-domains": SWEEP_EVERY,
    "look-at-mail-domains": LOOK_EVERY,
    "draw-giveaways": COUNT_EVERY,
    "trust-snapshot": COUNT_EVERY,
    EXPIRE_JOB: COUNT_EVERY,
    PUBLISHING_JOB: SWEEP_EVERY,
    REFRESH_JOB: SWEEP_EVERY,
    EXPLOITATION_JOB: DAILY,
    COUNT_JOB: DAILY,
    RESCAN_JOB: SWEEP_EVERY,
    "let-go-of-files": SWEEP_EVERY,
    "examine-mirrored": COUNT_EVERY,
    RENEW_JOB: SWEEP_EVERY,
    "sigstore-cosign-all": COUNT_EVERY,
}

AT_ONCE = frozenset({REFRESH_JOB, EXPLOITATION_JOB, RESCAN_JOB})
"""Of these, those that run as soon as there is a worker: what they bring is missing until then."""

OUTSIDE = frozenset(
    {
        "mail", "webhook", WEBHOOK_JOB, "look-at-mail-domains", READ_JOB, EXPLOITATION_JOB, RESERVE_JOB,
        PUBLISH_CVE_JOB, RELEASE_JOB, RESCAN_JOB, REJECT_JOB, "let-go-of-files", "examine-mirrored",
        PROVENANCE_JOB, COSIGN_JOB, "sigstore-cosign-all",
    }
)  # fmt: skip
"""Jobs that wait for others outside, or take long. They have threads of their own, so that they hold up nothing."""
ATTEMPTS: Mapping[str, int] = {"mail": 60, RESERVE_JOB: 60, PUBLISH_CVE_JOB: 200, RELEASE_JOB: 60, REJECT_JOB: 200}
"""Jobs that are more patient than the others: a mail server may be away for two days."""
OUTSIDE_THREADS = 4
OUTSIDE_STOPS_SECONDS = 5.0


def work(settings: Settings, stop: threading.Event) -> None:
    """Tell followers and run due jobs until told to stop."""
    with open_app(settings) as app, taking_mail(app):
        seed_periodic_jobs(app)
        for one in unadvised_views(app.database, app.clock.now(), settings.internal_names):
            log.warning("%s. To load them: %s", one, LOAD_ADVISORIES)
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


def mail_desk(app: App) -> MailDesk:
    """Who takes letters to the disclosure desk."""
    return MailDesk(
        app.deeds, app.key, app.limiter, app.blobs, open_spool(app.settings.data), Rules.of(app.settings)
    )  # fmt: skip


@contextmanager
def taking_mail(app: App) -> Iterator[None]:
    """Take letters in meanwhile, if the settings say where."""
    if not app.settings.mail_in:
        yield
        return
    if not app.settings.security_address:
        raise Rejected("no-security-address", "security_address", "is empty", "the address that letters come to")
    # Loaded by those alone who listen.
    from customhouse.infra.mail_listener import mail_listener  # noqa: PLC0415

    parts, desk = urlsplit(app.settings.mail_in), mail_desk(app)

    def deliver(raw: bytes, sender: str, recipients: Sequence[str]) -> None:
        desk.take(raw, sender=sender, recipients=recipients)

    with mail_listener(parts.scheme, parts.hostname or "", parts.port or 0, desk.is_ours, deliver):
        yield


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
            first = app.clock.now() + (timedelta() if name in AT_ONCE else every)
            jobs.add(sql, name, {}, due_at=first, key=f"periodic:{name}")


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
