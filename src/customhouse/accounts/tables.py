"""People and what lets them in."""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.infra.db import METADATA, BigId, Instant

account = sa.Table(
    "account",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("normalized", sa.String(50), nullable=False, unique=True),
    sa.Column("email", sa.String(254), nullable=False, server_default=""),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("frozen_at", Instant, comment="no way of signing in works while set"),
    sa.Column("email_verified_at", Instant, comment="when a link sent there was last used"),
    sa.Column("password_hash", sa.String(200), comment="argon2id; null means that no password works"),
    sa.Column("password_changed_at", Instant),
    sa.Column("site_role", sa.String(16), nullable=False, server_default="", comment="empty | support | operator"),
    sa.Column("second_locked_at", Instant, comment="after too many wrong codes: no typed code works while set"),
    sa.Column("trusted_reporter_at", Instant, comment="an operator has found this reporter reliable"),
    sa.Column("registered_at", Instant, comment="null: an operator has made the account"),
    sa.Column("email_changed_at", Instant, comment="when its owner last took another"),
    sa.Column("closed_at", Instant, comment="its owner has closed it for ever; the name stays reserved"),
)

api_token = sa.Table(
    "api_token",
    METADATA,
    sa.Column("id", sa.String(40), primary_key=True, comment="the public identifier; the secret is derived from it"),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("project", sa.String(100), comment="normalised name; null means every project of the account"),
    sa.Column("note", sa.String(200), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.Column("caveats", sa.Text, comment="those it was made with, as in its text; they hold whatever text is shown"),
    sa.Column("used_at", Instant, comment="when it was last used, to some minutes"),
    sa.Column("used_from", sa.String(64), comment="and from which address"),
    sa.Column("used_revoked_at", Instant, comment="when somebody first tried it after it was revoked"),
)

session = sa.Table(
    "session",
    METADATA,
    sa.Column("id_hash", sa.String(64), primary_key=True, comment="SHA-256 of the cookie's value"),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("state", sa.String(8), nullable=False, comment="full | half: owes a second factor | waiting: for mail"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("proved_at", Instant, nullable=False, comment="when its owner last proved who he is"),
    sa.Column(
        "proved_by",
        sa.String(16),
        nullable=False,
        server_default="password",
        comment="password | linked | totp | webauthn | recovery-code",
    ),
    sa.Column("network", sa.String(64), nullable=False),
    sa.Column("user_agent", sa.String(300), nullable=False),
    sqlite_with_rowid=False,
)

account_link = sa.Table(
    "account_link",
    METADATA,
    sa.Column("id", sa.String(40), primary_key=True, comment="the public half; the other derives from the server key"),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("purpose", sa.String(16), nullable=False, comment="password | handed | verify | change | undo"),
    sa.Column("email", sa.String(254), nullable=False, comment="the link dies when the address changes"),
    sa.Column("target", sa.String(254), nullable=False, server_default="", comment="of change and undo: the other one"),
    sa.Column("password_changed_at", Instant, comment="the link dies when the password changes"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
    sqlite_with_rowid=False,
)

mail_preference = sa.Table(
    "mail_preference",
    METADATA,
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("topic", sa.String(32), primary_key=True, comment="releases | roles | reports"),
    sa.Column("wanted", sa.Boolean, nullable=False),
    sqlite_with_rowid=False,
)

limit_hit = sa.Table(
    "limit_hit",
    METADATA,
    sa.Column("bucket", sa.String(64), primary_key=True, comment="the limit and a keyed hash of whom it counts"),
    sa.Column("at", Instant, primary_key=True),
    sa.Column("attempt", BigId, primary_key=True, comment="by which an attempt is given back"),
    sa.Index("limit_hit_at", "at"),
    sqlite_with_rowid=False,
)

second_factor = sa.Table(
    "second_factor",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("method", sa.String(16), nullable=False, comment="totp | webauthn"),
    sa.Column("label", sa.String(60), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
    sa.Column("secret", sa.LargeBinary, comment="TOTP: the seed, encrypted under the server key"),
    sa.Column("last_step", sa.BigInteger, comment="TOTP: the last time step that was accepted"),
    sa.Column("credential_id", sa.LargeBinary, unique=True, comment="WebAuthn"),
    sa.Column("public_key", sa.LargeBinary, comment="WebAuthn: COSE key"),
    sa.Column("sign_count", sa.BigInteger, comment="WebAuthn: 0 where the authenticator does not count"),
    sa.Column("passkey", sa.Boolean, nullable=False, server_default=sa.false(), comment="WebAuthn: signs in alone"),
)

recovery_code = sa.Table(
    "recovery_code",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("code_hash", sa.String(64), nullable=False, comment="keyed by the server key"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
    sa.Column("replaced_at", Instant, comment="when a newer set took its place; it opens nothing from then on"),
    sa.UniqueConstraint("account_id", "code_hash"),
)

used_challenge = sa.Table(
    "used_challenge",
    METADATA,
    sa.Column("challenge_hash", sa.String(64), primary_key=True, comment="SHA-256 of a WebAuthn challenge"),
    sa.Column("used_at", Instant, nullable=False, index=True),
    sqlite_with_rowid=False,
)

known_device = sa.Table(
    "known_device",
    METADATA,
    sa.Column("cookie_hash", sa.String(64), primary_key=True, comment="SHA-256 of the cookie's value"),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True, index=True),
    sa.Column("network", sa.String(64), primary_key=True, comment="/24 of IPv4, /48 of IPv6"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

device_question = sa.Table(
    "device_question",
    METADATA,
    sa.Column("id", sa.String(40), primary_key=True, comment="the public half; the other derives from the server key"),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("session_hash", sa.String(64), nullable=False, unique=True, comment="the session that waits"),
    sa.Column("network", sa.String(64), nullable=False),
    sa.Column("user_agent", sa.String(300), nullable=False),
    sa.Column("created_at", Instant, nullable=False, index=True),
    sa.Column("confirmed_at", Instant),
    sqlite_with_rowid=False,
)

lost_address = sa.Table(
    "lost_address",
    METADATA,
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("email", sa.String(254), nullable=False, comment="says nothing once the account has another one"),
    sa.Column("domain", sa.String(253), nullable=False, index=True),
    sa.Column("reason", sa.String(24), nullable=False, comment="redemption | gone | no-mail | registered-again"),
    sa.Column("lost_at", Instant, nullable=False, index=True),
    sa.Column("known_at", Instant, nullable=False, comment="when the address had last been verified"),
    sa.Column("by_hand", sa.Boolean, nullable=False, comment="by an operator, so the daily limit does not count it"),
    sa.Column("link_enough", sa.Boolean, nullable=False, server_default=sa.false(),
              comment="the domain is back and was never somebody else's, or an operator vouches for it"),
    sa.Column("withheld_at", Instant, comment="when a letter that opens the account was last not sent there"),
    sqlite_with_rowid=False,
)  # fmt: skip

index_flag = sa.Table(
    "index_flag",
    METADATA,
    sa.Column("name", sa.String(32), primary_key=True, comment="read-only | no-uploads | no-new-projects | …"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("set_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

network_ban = sa.Table(
    "network_ban",
    METADATA,
    sa.Column("network", sa.String(64), primary_key=True, comment="canonical, as 203.0.113.0/24"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("set_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

linked_identity = sa.Table(
    "linked_identity",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("issuer", sa.String(300), nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("name", sa.String(120), nullable=False, comment="as the issuer called him when he was linked"),
    sa.Column("linked_at", Instant, nullable=False),
    sa.Column("proved_at", Instant, nullable=False, comment="when he last came from there"),
    sa.UniqueConstraint("issuer", "subject"),
)

oidc_return = sa.Table(
    "oidc_return",
    METADATA,
    sa.Column("state_hash", sa.String(64), primary_key=True, comment="SHA-256 of a state that is used up"),
    sa.Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

account_event = sa.Table(
    "account_event",
    METADATA,
    sa.Column("account_id", BigId, primary_key=True, comment="whom an event of the ledger is about"),
    sa.Column("serial", BigId, primary_key=True),
    sqlite_with_rowid=False,
)

terms_revision = sa.Table(
    "terms_revision",
    METADATA,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("published_at", Instant, nullable=False),
    sa.Column("required_at", Instant, comment="from when on uploads need the agreement; null: never"),
    sa.Column("text", sa.Text, nullable=False),
)

terms_acceptance = sa.Table(
    "terms_acceptance",
    METADATA,
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("revision_id", sa.ForeignKey("terms_revision.id"), primary_key=True),
    sa.Column("accepted_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
