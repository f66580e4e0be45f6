"""Every setting, read in one place: flags, then ``CUSTOMHOUSE_*``, then ``customhouse.toml``, then these defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

MIB = 2**20
HOUR = 3600
DAY = 24 * HOUR


class OidcLogin(BaseModel):
    """Another login (OpenID Connect) that people may link to their accounts here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$")
    """How addresses spell it: register ``URL/account/linked/NAME/back/`` at the issuer as the place to return to."""
    title: str = Field(min_length=1, max_length=60)
    issuer: str = Field(max_length=300)
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = SecretStr("")

    @field_validator("issuer")
    @classmethod
    def _issuer_is_secure(cls, text: str) -> str:
        return _secure_issuer(text)


class OidcIssuer(BaseModel):
    """An issuer whose machines may publish here without a stored secret, besides those that every index knows.

    ``gitlab`` is a GitLab of your own, ``github`` a GitHub Enterprise Server (``https://HOST/_services/token``).
    ``custom`` is anything else that issues ID tokens to builds: Gitea, Forgejo, Jenkins, Keycloak, Buildkite, CircleCI;
    then the claims are named here that a publisher must be told by.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$")
    """How commands and addresses spell it."""
    title: str = Field(min_length=1, max_length=60)
    issuer: str = Field(max_length=300)
    """Exactly as its tokens spell it in ``iss``: a slash at the end makes it another one."""
    kind: Literal["github", "gitlab", "custom"] = "custom"
    claims: tuple[str, ...] = ()
    """Of ``custom``: the claims that every publisher must name, each with one value. The first says where the build
    comes from: a repository, a pipeline, a job."""
    optional_claims: tuple[str, ...] = ()
    """Claims that a publisher may name besides, such as a branch or an environment."""
    ids: tuple[str, ...] = ()
    """Claims that never change for one place, such as the id of a repository: learned at the first use, compared from
    then on, so that somebody who takes a name over is not taken for the one before."""
    refused: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Values with which a token is refused, by claim: ``{"event_name": ["pull_request_target"]}``."""
    kept: tuple[str, ...] = ()
    """Claims that are kept beside what was published: the commit, the number of the build."""
    jti: bool = False
    """Whether it promises a ``jti`` in every token. Without one each token still works once."""
    longest_age_seconds: int = Field(default=600, ge=60, le=3600)
    """How old a token may be, whatever it says itself. Some issue it when the job begins, not when it publishes."""
    key_hosts: tuple[str, ...] = ()
    """Hosts that its keys may come from besides its own."""
    build_service: bool = False
    """Whether it speaks for a build service alone, on machines that are nobody's own: your word. On it rests that what
    such a build says of itself (SLSA provenance) reaches level 2 on checklists."""

    @field_validator("issuer")
    @classmethod
    def _issuer_is_secure(cls, text: str) -> str:
        return _secure_issuer(text)

    @model_validator(mode="after")
    def _names_claims(self) -> OidcIssuer:
        if (self.kind == "custom") != bool(self.claims):
            raise ValueError("a custom issuer, and no other, says in claims what tells its publishers apart")
        return self


def _secure_issuer(text: str) -> str:
    """Only https, but for loopback: whoever changes what an issuer says on the way can be anybody."""
    parts = urlsplit(text)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("the issuer's address begins with https://")
    return text


class TrustRoot(BaseModel):
    """A Sigstore of one's own, whose certificates and logs attestations may rest on (PEP 740)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$")
    path: Path
    """Its ``trusted_root.json``. It is read when the server starts."""
    issuers: tuple[str, ...] = ()
    """The issuers of identities (OpenID Connect) that its certificates are believed about; empty means all."""


class SigstoreHardware(BaseModel):
    """A hardware module (PKCS #11) that keeps keys of the private Sigstore: those of its authority, logs and clock."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    module: Path
    """The library of the module, such as ``/usr/lib/softhsm/libsofthsm2.so``."""
    token: str = Field(min_length=1, max_length=32)
    """The label of the token."""
    pin: SecretStr


class SigstoreWitness(BaseModel):
    """Somebody who co-signs the logs of the private Sigstore (C2SP tlog-witness)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(min_length=1, max_length=2000)
    """Where it listens, without ``/add-checkpoint``."""
    key: str = Field(min_length=1, max_length=500)
    """Its key, as ``customhouse sigstore witness`` prints it."""


class AdvisorySource(BaseModel):
    """Where advisories (OSV records) are read from every hour."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,58}[a-z0-9])?$")
    kind: Literal["zip", "folder", "git", "url", "file"]
    """``git`` is a clone that somebody else fetches into; a ``url`` is a ZIP, a JSON file, or OSV.dev's list of changes
    (``https://osv-vulnerabilities.storage.googleapis.com/PyPI/modified_id.csv``)."""
    place: str = Field(min_length=1, max_length=2000)
    """A path, or an address."""
    trust: int = Field(default=0, gt=-1000, lt=1000)
    """A record of a less trusted source never replaces one of a more trusted; among equals the newest counts."""
    ecosystems: tuple[str, ...] = ()
    """Only records on packages of these, such as ``PyPI``; empty: of all."""


class Upstream(BaseModel):
    """Another index whose packages views may let in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$")
    """How views and commands spell it; ``hosted`` is what this index hosts itself."""
    url: str = Field(min_length=1, max_length=2000)
    """Its simple API, such as ``https://pypi.org/simple/``."""
    user: str = ""
    password: SecretStr = SecretStr("")
    """For an index that asks who comes (Basic). Both are sent to its own host alone."""
    names: tuple[str, ...] = ()
    """Only projects whose names match one of these patterns (``torch*``) are asked for; empty: all."""

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, text: str) -> str:
        if text == "hosted":
            raise ValueError("'hosted' is what this index hosts itself")
        return text


class Settings(BaseSettings):
    """What an operator can say. Sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="CUSTOMHOUSE_", toml_file="customhouse.toml", extra="forbid", frozen=True
    )

    data: Path = Path("customhouse-data")
    """The data folder: database, blobs, spool, key, lock."""
    key_file: Path | None = None
    """The key that API tokens derive from; None means ``server.key`` in the data folder. Hosts that share a database
    share it. Keep it out of the database's backups."""
    signing_keys_file: Path | None = None
    """The keys that this index signs amendments with; None means ``signing-keys.json`` in the data folder."""
    database: str = ""
    """A PostgreSQL URL (``postgresql://…``); empty means SQLite in the data folder."""
    blobs: str = ""
    """An object store (``s3://bucket/prefix``); empty means files in the data folder."""
    s3_endpoint: str = ""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    host: str = "127.0.0.1"
    port: int = Field(default=8417, ge=0, le=65535)
    url: str = ""
    """How the world reaches us, without a slash at the end; empty means the address we listen on."""
    site_name: str = "Customhouse"
    web_workers: int = Field(default=1, ge=1, le=64)
    upload_limit_bytes: int = Field(default=1024 * MIB + MIB, ge=1024)
    """The largest distribution file."""
    form_limit_bytes: int = Field(default=4 * MIB, ge=1024)
    """The largest upload form without its file."""
    bodies_at_once: int = Field(default=8, ge=1)
    walk_seconds: int = Field(default=120, ge=1)
    walk_memory_bytes: int = Field(default=1024 * MIB, ge=64 * MIB)
    linux_tags: bool = True
    """Whether wheels with ``linux_*`` platform tags may be uploaded (PyPI says no; private indexes need them)."""
    sweep_grace_seconds: int = Field(default=24 * 3600, ge=0)
    """How long an object without a row is left alone."""
    job_attempts: int = Field(default=8, ge=1)
    smtp_host: str = ""
    """The mail server; empty means that no mail is sent, and pages say so."""
    smtp_port: int = Field(default=25, ge=1, le=65535)
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    mail_from: str = "customhouse@localhost"
    session_idle_seconds: int = Field(default=12 * HOUR, ge=60)
    """A session that nobody has used for so long is over."""
    session_life_seconds: int = Field(default=14 * DAY, ge=60)
    """A session is over after so long, used or not."""
    proof_seconds: int = Field(default=15 * 60, ge=60)
    """For how long a password that was typed opens the dangerous pages."""
    link_seconds: int = Field(default=6 * HOUR, ge=60)
    """For how long a link in a mail works."""
    registration: Literal["closed", "open"] = "closed"
    """Whether people can make accounts themselves; closed: an operator makes them (`customhouse user add`)."""
    prohibited_user_names: tuple[str, ...] = ()
    """Names that nobody can register, besides those that sound like an office here; ``*`` stands for anything."""
    prohibited_mail_domains: tuple[str, ...] = ()
    """Mail domains, with all below them, at which nobody can register or move to."""
    registrations_per_hour: int = Field(default=5, ge=1)
    """How many accounts may be registered from one network in an hour; four times as many in a day."""
    breached_passwords: str = ""
    """With what new passwords are compared: a file of sorted lines ``SHA-1:COUNT``, or the address of a range service
    (``https://api.pwnedpasswords.com/range``), which learns five digits of the hash. Empty: with nothing."""
    oidc_logins: tuple[OidcLogin, ...] = ()
    """Other logins that people may link to their accounts."""
    publisher_issuers: tuple[Literal["github", "gitlab", "google", "activestate"], ...] = (
        "github", "gitlab", "google", "activestate",
    )  # fmt: skip
    """Whose machines may be trusted publishers here, of those that every index knows; empty: of none of them."""
    oidc_issuers: tuple[OidcIssuer, ...] = ()
    """Further issuers of ID tokens to builds."""
    oidc_audience: str = Field(default="", max_length=300)
    """For whom ID tokens must be made; empty means the host of ``url``."""
    resets_blocked_days: int = Field(default=7, ge=0)
    """For so long after an owner of a critical project has changed his address no link to a new password goes there."""
    invitation_seconds: int = Field(default=7 * DAY, ge=HOUR)
    slow_motion_hours: int = Field(default=72, ge=0)
    """For so long dangerous changes of critical projects, and of those that ask for it, wait before they take effect;
    recovery waits as long. 0 lets them happen at once."""
    recovery_delay_days: int = Field(default=7, ge=0)
    """For so long after two operators have agreed the recovery of an account waits, so that somebody can object. With
    the word of a co-owner it is ``slow_motion_hours``, if that is less."""
    recovery_quiet_hours: int = Field(default=24, ge=0)
    """For so long after its recovery an account publishes nothing."""
    recovery_case_days: int = Field(default=30, ge=1)
    """A recovery case that is not agreed on by then ends by itself."""
    recovery_release_days: int = Field(default=30, ge=0)
    """An address counts as a project's own in a recovery if a release so much older than the case has named it."""
    release_open_days: int = Field(default=14, ge=0)
    """A release takes new files for so long after its first one, or after an owner has reopened it."""
    stage_days: int = Field(default=14, ge=1, le=365)
    """A release that is being made waits so long to be published, and as long again whenever somebody extends it."""
    deferred_check_bytes: int = Field(default=32 * MIB, ge=0)
    """Larger files of such a release are examined by the worker, not while the client waits."""
    free_deletion_hours: int = Field(default=72, ge=0)
    """For so long after it appeared a file, release or project may be deleted freely."""
    deletion_downloads: int = Field(default=100, ge=0)
    """Later only what was downloaded at most so often in 30 days, and what nobody depends on."""
    deleted_files_days: int = Field(default=90, ge=0)
    """For so long the exact address of a file that its owner has deleted keeps answering, because locks point there."""
    file_quota_bytes: int = Field(default=1024 * MIB, ge=1024)
    """The largest file that a project may have, unless it or its organization has been granted more."""
    project_quota_bytes: int = Field(default=10 * 1024 * MIB, ge=1024)
    """The most that all files of a project may have together, likewise."""
    young_project_days: int = Field(default=30, ge=0)
    """A project of at most this age is quarantined by two independent reporters, one of them trusted."""
    reports_per_day: int = Field(default=20, ge=1)
    """How many reports one account may send in a day."""
    critical_rule: str = Field(default="1%", pattern=r"^(off|[0-9]{1,7}|[0-9]{1,3}(\.[0-9]{1,3})?%)$")
    """Which of the most downloaded projects are critical: a share of all ("1%", rounded up), a number, or "off"."""
    critical_names: tuple[str, ...] = ()
    """Names that are critical besides, as soon as they exist here."""
    expected_recovery_share: float = Field(default=0.02, ge=0, le=1)
    """This share of the people who get their first second factor asks for recovery within a year: what the wizard for
    mandates assumes until this index has recovery cases of its own to measure by. A careful guess, with no source."""
    private_networks_allowed: tuple[str, ...] = ()
    """Networks (``10.1.0.0/16``) that webhooks may reach although they are private."""
    dns_servers: tuple[str, ...] = ()
    """The name servers to ask about mail domains and proofs (``192.0.2.1``, ``127.0.0.1:5353``); empty means the
    system's."""
    dns_seconds: float = Field(default=5.0, gt=0, le=60)
    """How long to wait for an answer of theirs."""
    rdap_bootstrap: str = "https://data.iana.org/rdap/dns.json"
    """The list of the registries' RDAP servers (RFC 9224)."""
    rdap_url: str = ""
    """One RDAP server to ask about every domain; empty means that of the list."""
    domain_checks: bool = True
    """Whether the mail domains of accounts are looked at every day; without it a lapsed one is not noticed."""
    domains_spared: tuple[str, ...] = ()
    """Mail domains, with all below them, that are never looked at: those inside your own house."""
    domain_looks_per_run: int = Field(default=50, ge=1, le=1000)
    """How many domains are looked at in one run, every ten minutes."""
    domain_unverify_per_day: int = Field(default=20, ge=0)
    """So many addresses a day are given up without a human; beyond that, domains wait for an operator."""
    domain_alarm_days: int = Field(default=3, ge=1)
    """Operators are told when for so long nobody has answered what we ask about most domains."""
    security_address: str = ""
    """Where vulnerabilities are reported by mail (``security@example.org``); the mail server hands what comes there,
    and to ``security+…@``, to `customhouse mail`. Empty: by the web alone."""
    security_team: tuple[str, ...] = ()
    """The accounts that work at the disclosure desk; empty: the operators."""
    mail_in: str = Field(default="", pattern=r"^(|(lmtp|smtp)://[^/@\s]+:[0-9]{1,5})$")
    """Where `customhouse work` takes mail in: ``lmtp://127.0.0.1:8424`` or ``smtp://…``; empty: nowhere. It asks nobody
    who he is, so let only your own mail server reach it."""
    advisory_prefix: str = Field(default="x_CUSTOMHOUSE", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$")
    """How the ids of our own advisories begin; ``x_…`` until the OSV schema knows yours."""
    triage_names: Path | None = None
    """A file of names of packages that exist on PyPI, one a line: triage knows them then, besides those that this index
    hosts, that advisories name, and the 2,000 most installed."""
    disclosure_days: int = Field(default=90, ge=1, le=365)
    """For so long a case may be under embargo."""
    cve_services: str = ""
    """The address of CVE Services (``https://cveawg.mitre.org/api/``); empty: CVE ids are typed in by hand."""
    cve_org: str = ""
    """The short name of your CNA."""
    cve_user: str = ""
    cve_key: SecretStr = SecretStr("")
    public_good_root: bool = True
    """Whether attestations may rest on Sigstore's public certificates and logs. Nothing is fetched: the root comes with
    the program."""
    trust_roots: tuple[TrustRoot, ...] = ()
    """Other Sigstores that attestations may rest on."""
    sigstore: bool = False
    """Whether a private Sigstore runs here: certificates, logs of signatures, timestamps, under ``/sigstore/``."""
    sigstore_keys_file: Path | None = None
    """Its keys; None means ``sigstore-keys.json`` in the data folder. Keep it out of the database's backups."""
    sigstore_heads_file: Path | None = None
    """What its logs have said of themselves last; None means ``sigstore-heads.json`` beside the keys. It must be
    writable, and the same for all machines that serve one database. Never bring an old one back with the database."""
    sigstore_issuers: tuple[str, ...] = ()
    """Whose ID tokens get certificates there, besides our own for people: names of issuers that may publish here, such
    as ``github`` or those of ``oidc_issuers``."""
    sigstore_hardware: SigstoreHardware | None = None
    """Where new keys of its authority, logs and clock are made; None means in the file."""
    sigstore_witnesses: tuple[SigstoreWitness, ...] = ()
    """Who co-signs its logs."""
    sigstore_watched: tuple[str, ...] = ()
    """Keys of the logs of others (``NAME+HINT+BASE64``) that this index co-signs as a witness."""
    leak_reporters: dict[str, str] = Field(default_factory=dict)
    """Who may report leaked API tokens to /-/leaked-tokens/: the address of his public keys by his name. GitHub's is
    ``https://api.github.com/meta/public_keys/secret_scanning``."""
    fetched_days: int = Field(default=30, ge=0, le=366)
    """For so long it is kept who fetched a file, so that those can be told who have a bad one: client networks as keyed
    hashes that differ from day to day, API tokens where one was sent. 0 keeps nothing, and forgets what was kept."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of the front ends whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    cdn: bool = False
    """Whether a CDN stands in front, so that most downloads are only in its logs."""
    upstreams: tuple[Upstream, ...] = (Upstream(name="pypi", url="https://pypi.org/simple/"),)
    """Indexes that views may let packages in from (`customhouse view add`). Nothing is asked of them before a view
    names them."""
    offline: bool = False
    """Ask no upstream: views offer what is here already."""
    internal_names: tuple[str, ...] = ()
    """Patterns of names (``acme-*``) that no upstream is ever asked for, besides those that are hosted, reserved or in
    a namespace here."""
    mirror_file_bytes: int = Field(default=4096 * MIB, ge=1024)
    """The largest file that is taken from an upstream."""
    mirror_bytes: int = Field(default=0, ge=0)
    """Files of upstreams that nobody has fetched for longest are let go when all take more; 0 keeps all."""
    mirror_days: int = Field(default=0, ge=0)
    """Files of upstreams that nobody has fetched for so many days are let go; 0 keeps all."""
    decisions_days: int = Field(default=30, ge=0, le=366)
    """For so long it is kept what each view was asked for and what it answered, so that a policy can be tried on it."""
    advisory_sources: tuple[AdvisorySource, ...] = ()
    """Where advisories are read from every hour, besides what operators have added on the command line."""
    exploited_catalogue: str = Field(default="", max_length=2000)
    """Where CISA's catalogue of exploited vulnerabilities is read from once a day, an address or a path
    (``https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json``); empty: from nowhere."""
    likelihood_scores: str = Field(default="", max_length=2000)
    """The same for FIRST's scores (``https://epss.empiricalsecurity.com/epss_scores-current.csv.gz``)."""
    malware_prefix: str = Field(default="MAL-CH-", pattern=r"^MAL-(?:[A-Z][A-Z0-9]{0,19}-)?$")
    """How the ids of our own malware records begin: uv's check wants ``MAL-``, OpenSSF numbers ``MAL-YEAR-N``."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("trust_roots")
    @classmethod
    def _trust_roots_have_names(cls, roots: tuple[TrustRoot, ...]) -> tuple[TrustRoot, ...]:
        """Each its own: it is told of every attestation which root it rests on."""
        names = [one.name for one in roots]
        if len(set(names)) != len(names) or "sigstore" in names:
            raise ValueError("each trust root has a name of its own, and 'sigstore' is the public one's")
        return roots

    @property
    def public_url(self) -> str:
        """The address that pages and clients are told, without a slash at the end."""
        return (self.url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def audience(self) -> str:
        """For whom ID tokens must be made that are exchanged here."""
        return self.oidc_audience or urlsplit(self.public_url).netloc

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags win over the environment, the environment over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
