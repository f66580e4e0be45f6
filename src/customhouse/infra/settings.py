"""Every setting, read in one place: flags, then ``CUSTOMHOUSE_*``, then ``customhouse.toml``, then these defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

MIB = 2**20
HOUR = 3600
DAY = 24 * HOUR


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
    trusted_proxies: tuple[str, ...] = ()
    """Networks of the front ends whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    cdn: bool = False
    """Whether a CDN stands in front, so that most downloads are only in its logs."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def public_url(self) -> str:
        """The address that pages and clients are told, without a slash at the end."""
        return (self.url or f"http://{self.host}:{self.port}").rstrip("/")

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
