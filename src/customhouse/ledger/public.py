"""What of the ledger who may see, and each event in words; pure.

A kind that stands in none of the three lists here is for operators only. A test fails until it stands in one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from customhouse.ledger.chain import Entry

PUBLIC: Mapping[str, str] = {
    "project-created": "claimed the name {display_name}",
    "release-created": "began version {version}",
    "release-published": "published version {version} as a whole, {files} files",
    "release-reopened": "reopened version {version} for new files",
    "file-uploaded": "uploaded {filename}",
    "file-attested": "attested {filename}",
    "yanked": "yanked {what}",
    "unyanked": "took the yank of {what} back",
    "status-changed": "made the project {status}, which was {before}",
    "vex-stated": "said that {vulnerability} is {status} for {releases}",
    "vex-withdrawn": "took back what the project said of {vulnerability} for {releases}",
    "release-amended": "said that {before} of {releases} is to be read as {after} ({change})",
    "amendment-withdrawn": "took back what was said of {before} of {releases}",
    "deleted": "deleted {what}",
    "restored": "restored {what}",
    "deleted-files-ended": "let the addresses of deleted files end",
    "erased": "erased the bytes of {filename} for ever",
    "mandate-announced": "announced the mandate “{title}”",
    "mandate-changed": "changed the mandate “{title}”",
    "mandate-ended": "ended the mandate “{title}”",
    "critical-marked": "changed the mark of a critical project",
    "project-quarantined": "quarantined the project",
    "quarantine-lifted": "lifted the quarantine of the project",
    "archived-by-verdict": "archived the project by verdict",
    "release-quarantined": "quarantined version {version}",
    "release-quarantine-lifted": "lifted the quarantine of version {version}",
    "role-changed": "made {name} {role} of the project",
    "role-removed": "ended the role of {name} as {role}",
    "project-transferred": "gave the project to {organization}{name}",
    "project-visibility-changed": "made the project {visibility}",
    "namespace-granted": "granted the namespace {prefix} to {organization}",
    "namespace-revoked": "took the namespace {prefix} from {organization}",
    "project-namespace-changed": "changed the namespace {prefix}, which covers the project",
    "slow-motion-switched": "changed whether dangerous changes of the project wait",
    "publisher-added": "made {title} a trusted publisher of the project",
    "publisher-removed": "made {title} no trusted publisher of the project any more",
    "publishers-only-switched": "changed whether trusted publishers alone publish into the project",
    "flag-set": "turned a switch of the index: {flag}",
    "disclosure-published": "published the advisory {advisory}",
    "security-policy-set": "changed how vulnerabilities of the project are reported",
    "library-affected": "told the owners that what they bundle is affected by {advisory}: {held}",
    "library-range-said": "said which versions of {library} {advisory} affects: {range}",
    "newest-affected": "has version {version}, its newest, affected by what became known (level {level})",
    "advisories-changed": "wrote advisories of the source {source}",
}
"""For everybody, unless the project is private. Their bodies name no network, no token's secret and no reporter."""

OF_PROJECT: Mapping[str, str] = {
    "session-opened": "began to make version {version} ready",
    "session-canceled": "gave up the release {version} that was being made ({why})",
    "file-staged": "put {filename} into the release {version} that is being made",
    "staged-file-removed": "took {filename} out of the release {version} that is being made",
    "upload-refused": "sent {filename}, which was not accepted",
    "deletion-refused": "wanted to delete {what}, which the policy keeps",
    "token-created": "made an API token for the project",
    "token-revoked": "revoked an API token for the project",
    "invitation-made": "invited {name} to be {role}",
    "invitation-accepted": "accepted the invitation to be {role}",
    "invitation-declined": "declined the invitation to be {role}",
    "invitation-withdrawn": "took the invitation of {name} back",
    "team-role-changed": "made the team {team} of {organization} {role} of the project",
    "team-role-removed": "ended the role of the team {team} of {organization} as {role}",
    "quota-granted": "set other limits",
    "change-put-off": "asked for a change that waits: {sentence}",
    "change-made-at-once": "made a dangerous change without waiting: {sentence}",
    "change-contested": "had a change wait for an operator: {sentence}",
    "change-withdrawn": "took back the wish for a change: {sentence}",
    "change-decided": "decided about a contested change: {sentence}",
    "change-applied": "let a change take effect: {sentence}",
    "change-lapsed": "let a change lapse: {sentence}",
    "mandate-exempted": "let {name} off the mandate “{title}”",
    "mandate-exemption-ended": "ended the exemption of {name} from the mandate “{title}”",
    "role-falls-asleep": "reminded {name} of a role that nobody has used for long",
    "role-confirmed": "confirmed the role after a long time",
    "release-waits": "sent version {version}, which waits for people: {why}",
    "release-held": "sent version {version}, which the index holds back: {why}",
    "release-approved": "approved the files of version {version}",
    "approval-withdrawn": "took the approval of version {version} back",
    "release-rule-changed": "changed what the project asks of its releases: {rule}",
    "release-run-opened": "opened a release run of version {version}",
    "release-run-joined": "joined the release run of version {version} as {actor_name}: {identity}",
    "release-run-machine-removed": "sent a machine of {actor_name} away from the release run of version {version}",
    "release-run-asks": "asked people before the step {step} of the release run of version {version}: {ask}",
    "release-run-decided": "said “{decision}” in the release run of version {version}",
    "release-run-stopped": "stopped the release run of version {version} ({code}): {saw}",
    "release-run-published": "published by the release run of version {version}",
    "release-run-finished": "ended the release run of version {version}: {outcome}",
    "webhook-added": "added a webhook",
    "webhook-changed": "changed a webhook",
    "webhook-key-rotated": "gave a webhook a new key",
    "webhook-removed": "removed a webhook",
    "webhook-probed": "tried a webhook",
    "webhook-sent-again": "had event {serial} sent to a webhook again",
    "webhook-switched-off": "switched a webhook off",
    "publisher-learned": "was used for the first time, from {ids}",
    "publisher-token-minted": "got a token as a trusted publisher",
    "release-built": "built {version} from {ref} at {sha}",
    "publisher-token-refused": "came from where {title} builds and was refused",
    "publisher-alarm": "came in the name of {title} and was refused: {code}",
    "token-beside-publisher": "published with an API token beside the trusted publisher {title}",
}
"""For the owners of the project."""

OPERATORS: Mapping[str, str] = {
    "signing-certificate-issued": "got a signing certificate for {name}, vouched for by {issuer}",
    "signing-token-refused": "showed a token of {name} for a signing certificate, and was refused: {why}",
    "signature-logged": "put a signature into the log, at place {place}",
    "signing-token-given": "let a program at {redirect} sign as itself",
    "checkpoint-cosigned": "had the log {origin} co-signed at {size} entries",
    "cosignature-refused": "asked to co-sign the log {origin} at {size} entries, and was refused: {why}",
    "trust-repository-renewed": "renewed the trust repository of the private Sigstore: {versions}",
    "sigstore-key-rotated": "made a new key for {role} of the private Sigstore",
    "sigstore-log-started": "started the log {origin} with {size} entries, because {before} had shown {said}",
    "sigstore-log-kept": "let the log {origin} go on with {size} entries, although it had shown {said}",
    "view-amended": "said in the view {view} how {before} of {name} {releases} is to be read: {after} ({change})",
    "triage-imported": "read {records} records for triage from {origin}: {automatic} became advisories, {waiting} wait",
    "triage-decided": "judged {record} {verdict}",
    "triage-undone": "took back that {record} was judged {verdict}",
    "triage-exception-set": "changed the list of false positives: {entry} was {change}",
    "advisory-authored": "wrote, changed or withdrew the advisory {advisory_id} ({change})",
    "user-added": "made the account {name}",
    "signed-in": "signed in",
    "sign-in-failed": "failed to sign in",
    "signed-out": "signed out",
    "password-proved": "proved again who it is",
    "sign-in-begun": "gave the right password and owes {owes}",
    "second-step-failed": "gave a wrong second proof ({by})",
    "second-step-locked": "gave too many wrong codes: no typed code works any more",
    "second-step-unlocked": "let typed codes work again",
    "factor-added": "added a second factor: {label}",
    "factor-removed": "removed a second factor: {label}",
    "factor-renamed": "renamed a second factor: {label}",
    "key-counter-went-back": "used a security key that counted less than before, and was not let in",
    "recovery-codes-made": "made new recovery codes",
    "recovery-code-used": "used a recovery code up",
    "browser-confirmed": "confirmed a new browser by a link in a mail",
    "browsers-forgotten": "had all known browsers forgotten",
    "password-link-made": "had a link made with which a password can be set",
    "password-set": "set a password",
    "user-registered": "registered the account {name}",
    "address-link-made": "had a letter sent to an address, to verify it",
    "address-verified": "verified the address of the account",
    "address-change-asked": "asked for another address: {to}",
    "address-changed": "changed the address of the account from {before} to {after}",
    "address-change-undone": "took a change of address back: it is {after} again",
    "reset-withheld": "asked for a link to a new password, which was not sent",
    "reset-asked": "asked for a link to a new password",
    "breached-sign-in": "signed in with a password that others know, and was not let in",
    "password-unchecked": "set a password that could not be compared with breached ones",
    "identity-linked": "linked the identity {name} at {title}",
    "identity-unlinked": "unlinked the identity {name} at {issuer}",
    "identity-proved": "came from the linked login {issuer}",
    "identity-refused": "came from the login {login} and was not let in",
    "terms-accepted": "agreed to the terms of use, revision {revision}",
    "terms-published": "published the terms of use, revision {revision}",
    "token-not-yours": "tried to revoke somebody else's token",
    "token-used-revoked": "tried an API token that is revoked",
    "token-leaked": "revoked an API token that was found in public",
    "tokens-mass-revoked": "began to revoke {tokens} API tokens ({selection})",
    "token-mass-revoked": "revoked an API token among many",
    "account-tokens-revoked": "revoked {tokens} API tokens of one account",
    "site-role-set": "set what {name} is to this index: {role}",
    "account-frozen": "froze the account {name}",
    "account-closed": "closed the account {name}",
    "account-thawed": "thawed the account {name}",
    "mail-preference-set": "chose which letters to get",
    "invitation-not-yours": "tried to answer somebody else's invitation",
    "organization-created": "made the organization {organization}",
    "organization-changed": "changed the title of the organization {organization}",
    "organization-member-changed": "made {name} {role} of the organization {organization}",
    "organization-member-removed": "took {name} out of the organization {organization}",
    "team-created": "made the team {team} of {organization}",
    "team-removed": "removed the team {team} of {organization}",
    "team-member-added": "put {name} into the team {team} of {organization}",
    "team-member-removed": "took {name} out of the team {team} of {organization}",
    "name-prohibited": "prohibited the name {name}",
    "name-allowed": "allowed the name {name} again",
    "network-banned": "banned or let in the network {network}",
    "download-log-imported": "imported the access log {log}",
    "advisory-source-set": "{change} the source of advisories {source}",
    "advisory-source-failed": "could not read all of the source of advisories {source}: {reason}",
    "exploitation-changed": "read {rows} rows of the list {list}, on exploitation",
    "report-filed": "reported the project",
    "standing-registered": "registered a list of {components} packages to be audited again and again ({how})",
    "standing-revoked": "ended the standing audit of a list",
    "report-refused": "sent a report that was not taken",
    "case-opened": "opened a case about the project",
    "quarantined-by-reports": "had the project quarantined by two reports",
    "case-decided": "gave the verdict {verdict}",
    "verdict-undone": "took the verdict {verdict} back",
    "reporter-trusted": "called the reporter {name} reliable",
    "giveaway-loaded": "loaded {codes} codes into the giveaway {campaign}",
    "giveaway-drawn": "noted who may take part in the giveaway {campaign}",
    "giveaway-claimed": "claimed {keys} keys of the giveaway {campaign}",
    "critical-asked": "asked whether to mark the project as critical again",
    "email-unverified": "took the address of {name} for unverified, because of the domain {domain}",
    "link-withheld": "asked for a link for {name} that was not sent, because of the domain {domain}",
    "address-vouched-for": "vouched for the address of {name} at the domain {domain}",
    "mail-domain-lost": "gave up the addresses at the mail domain {domain}: {sentence}",
    "mail-domain-waits": "put the mail domain {domain} before an operator: {sentence}",
    "mail-domain-spared": "spared the mail domain {domain}",
    "mail-domain-looks-fail": "could not look at most mail domains for days",
    "mail-domain-looks-work": "can look at mail domains again",
    "reporter-distrusted": "no longer calls the reporter {name} reliable",
    "recovery-opened": "asked for the account {name}, saying that its factor is lost",
    "recovery-announced": "asked for the account {name}, and those concerned were told",
    "recovery-proof-given": "gave a proof in recovery case {case_id} of {name}: {proof}, {subject}",
    "recovery-held": "made the uploads of {name} wait by a strong proof in recovery case {case_id}",
    "recovery-address-told": "told those concerned of another address in recovery case {case_id} of {name}",
    "recovery-address-given": "named or proved another address in recovery case {case_id} of {name}",
    "recovery-agreed": "agreed as the first to recovery case {case_id} of {name}",
    "recovery-approved": "agreed as the second to recovery case {case_id} of {name}, due {due_at}",
    "recovery-contested": "objected to recovery case {case_id} of {name}",
    "recovery-resumed": "let the contested recovery case {case_id} of {name} go on",
    "recovery-closed": "ended recovery case {case_id} of {name}: {outcome}",
    "recovery-completed": "gave the account {name} back in recovery case {case_id}",
    "fetchers-told": "told those whose tokens fetched bad files of the project: {reason}",
    "fetcher-looked-up": "asked whether a network is among those that fetched bad files of the project",
    "pending-publisher-added": "let {title} make the project {name}",
    "pending-publisher-contested": "waits for the project {name} with builds that others wait for it with, too",
    "pending-publisher-ended": "ended what {title} was waiting for, the project {name}: {why}",
    "disclosure-received": "reported a vulnerability ({via}), which became case {case}",
    "disclosure-moved": "made case {case} {state}, which was {before}",
    "disclosure-step": "did something in case {case}: {step}",
    "disclosure-late": "reminded those of case {case} of a date: {clock}",
    "embargoed-step": "did something with the release of case {case}: {step}",
    "view-set": "{change} the view {view}",
    "view-removed": "removed the view {view}",
    "view-pages-voided": "had what views show of {projects} projects looked at anew: {why}",
    "signal-list-loaded": "loaded {signal} of {rows} projects of {upstream}, by {source} on {dated}",
    "signal-list-forgotten": "took {signal} of {upstream}, by {source} on {dated}, away",
    "public-signals-counted": "counted anew what other indexes are told of projects",
    "views-voided": "had {views} views look at everything anew: {why}",
    "upstream-file-taken": "took {filename} from {upstream} (sha256 {sha256}), refused as: {refused_as}",
    "upstream-file-lied": "found that {filename} of {upstream} is not what was served beside it: {why}",
    "upstream-attestation-seen": "looked at what is attested of {filename} of {upstream}: {outcome} {why}",
    "upstream-files-let-go": "let go of {files} files of upstreams that nobody fetches ({size_bytes} bytes)",
    "recovery-refusal": "tried what was not allowed in recovery case {case_id}",
    "upstream-name-taken": "found the name at the upstream {upstream}, {files} files, which has it from now on",
    "upstream-changed": "saw the upstream {upstream} list {added} new files, {removed} gone, {returned} back,"
    " {changed} otherwise",
    "upstream-project-removed": "saw that the upstream {upstream} no longer has the project",
    "upstream-project-returned": "saw that the upstream {upstream} has the project again",
    "upstream-digest-changed": "refused another digest for {filename} from the upstream {upstream}: {kept} stays, not"
    " {refused}",
    "upstream-name-forgotten": "forgot what the upstream {upstream} had under the name: {reason}",
    "name-adopted": "adopted the name from the upstream {upstream} for {owner}: {reason}",
    "name-handed-over": "handed the name over to the upstream {upstream}: {reason}",
}
"""For operators. The matters of accounts and of organizations, and whatever could tell who has reported whom."""

_SENTENCES = {**OPERATORS, **OF_PROJECT, **PUBLIC}
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry that the reader may not see: only what is needed to follow the chain past it."""

    serial: int
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: an operator, or somebody who may read some private projects and is an owner of some projects."""

    operator: bool = False
    reads: Collection[str] = ()
    owns: Collection[str] = ()


EVERYBODY = Reader()
OPERATOR = Reader(operator=True)


def may_see(reader: Reader, entry: Entry, private: Collection[str]) -> bool:
    """An operator sees everything. An owner sees what concerns his project, except what is for operators.

    Everybody else sees the events of public kinds, but those of a private project only if he may read it.
    ``private`` names the projects that are private now: what was public before is so no longer.
    """
    if reader.operator:
        return True
    if entry.kind in OF_PROJECT:
        return entry.project is not None and entry.project in reader.owns
    if entry.kind not in PUBLIC:
        return False
    return entry.project is None or entry.project not in private or entry.project in reader.reads


def kinds_of_project(reader: Reader, name: str) -> list[str] | None:
    """The kinds of events that somebody who may read a project may see of it; None for all."""
    if reader.operator:
        return None
    return sorted([*PUBLIC, *OF_PROJECT] if name in reader.owns else PUBLIC)


def seal(entry: Entry) -> Sealed:
    """What is left of an entry for those who may not see it."""
    return Sealed(entry.serial, entry.previous_hash, entry.hash)


def sentence(entry: Entry) -> str:
    """What was done, as the rest of a sentence that begins with who did it."""
    body = json.loads(entry.body)
    known = _SENTENCES.get(entry.kind)
    if known is None:
        return entry.kind.replace("-", " ")
    return known.format_map(_Words(body))[:_LONGEST]


def who(entry: Entry) -> str:
    """Who did it, in words."""
    if entry.actor_kind == "system":
        return "the index itself"
    if entry.actor_kind == "operator":
        return "an operator" if entry.actor_id == "cli" else f"the operator {entry.actor_name}"
    return entry.actor_name or "somebody"


class _Words(dict[str, Any]):
    """The facts of an event for its sentence; ``what`` is the file, the version or the project that it is about."""

    def __missing__(self, key: str) -> str:
        if key != "what":
            return ""
        if self.get("filename"):
            return str(self["filename"])
        return f"version {self['version']}" if self.get("version") else "the project"
