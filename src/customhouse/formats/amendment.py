"""What is said of a released version afterwards: the record, how it is written for signing, and how it is checked.

``foo 1.0 says "bar>=1"; it does not work with bar 3: read it as "bar>=1,<3"``. The files and their metadata stay as
they are (an installer refuses metadata that is not the file's own); an amendment stands beside them, and installers get
it as constraints or overrides. A record is never edited: it is withdrawn by another record.

Whether it narrows or widens is computed from the two requirements and never believed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier, SpecifierSet

from customhouse.formats.version_sets import compare
from customhouse.terms.errors import Rejected
from customhouse.terms.names import ProjectName, normalize
from customhouse.terms.versions import LONGEST_SPECIFIERS, are_short, parse_version, version_of

Kind = Literal["narrowing", "widening"]
CODE = "bad-amendment"
FORMAT = "customhouse-amendment-1"
WITHDRAWAL = "customhouse-amendment-withdrawal-1"
_PREFIX = b"customhouse amendment\n"
"""Stands before what is signed, so that no signature for anything else is one for this."""
MOST_VERSIONS = 500
LONGEST_REASON = 500
LONGEST_EVIDENCE = 500
LONGEST_REQUIREMENT = 1000
ROLES = ("owner", "maintainer", "operator")
_ID = re.compile(r"[a-z2-7]{26}")
_VIEW = re.compile(r"(?:[a-z0-9](?:-?[a-z0-9]){0,39})?")
# Each of these means something in a requirements file beside its meaning in PEP 508: a comment, a variable of the
# environment, a line that goes on, an option.
_NOT_IN_A_LINE = re.compile(r"[#$\\`]")
_ORDER = ("===", "==", "~=", ">", ">=", "!=", "<=", "<")
_NAMED = 8
SKEW = timedelta(minutes=5)
"""How far a record may lie in the future of whoever reads it: clocks differ."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """One record."""

    id: str
    project: str
    """Normalised."""
    versions: tuple[str, ...]
    """The releases that it is about, in normal form, in order: each of them is there and says ``before``."""
    before: str
    """The requirement as the metadata has it, in normal form (`line`)."""
    after: str
    """As it is to be read."""
    kind: Kind
    reason: str
    evidence: str
    """An address where one can look it up."""
    role: str
    """Of who says it: `ROLES`."""
    at: datetime
    view: str = ""
    """The view in which it counts; empty: everywhere."""

    @property
    def releases(self) -> str:
        """The versions in words."""
        more = len(self.versions) - _NAMED
        return ", ".join(self.versions[:_NAMED]) + (f" and {more} more" if more > 0 else "")

    def is_about(self, version: str) -> bool:
        """Whether it is about this version, however it is spelled: 1.0 and 1.0.0 are the same."""
        return any(is_same_version(one, version) for one in self.versions)

    @property
    def requires(self) -> str:
        """Whose versions it is about, normalised."""
        return normalize(Requirement(self.after).name)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """That an amendment no longer counts."""

    id: str
    """Of the amendment."""
    project: str
    reason: str
    role: str
    at: datetime
    view: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """A record with its signature."""

    record: Amendment | Withdrawal
    key: str
    """The id of the key."""
    signature: str
    """Base64 of 64 bytes (RFC 8032)."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that an index has signed with, and when."""

    id: str
    raw: bytes
    """32 bytes."""
    since: datetime
    until: datetime | None = None
    """None: it still does."""


def is_same_version(one: str, other: str) -> bool:
    """Whether two texts are the same version (PEP 440); what is none is only itself."""
    return one == other or ((parsed := version_of(one)) is not None and parsed == version_of(other))


def read_requirement(text: str, where: str) -> Requirement:
    """A requirement that can be amended, or be what another is amended to; raises `Rejected`."""
    if len(text) > LONGEST_REQUIREMENT:
        raise Rejected(CODE, where, f"{len(text)} characters", f"at most {LONGEST_REQUIREMENT}")
    if not text.isprintable() or _NOT_IN_A_LINE.search(text):
        raise Rejected(
            CODE, where, f"{text[:80]!r} could be read as more than one requirement", "one line without # $ \\ `"
        )
    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        raise Rejected(CODE, where, f"{text[:80]!r} is no requirement", "bar>=1,<3 (PEP 508)") from error
    if found.url:
        raise Rejected(CODE, where, "it names an address and no versions", "bar>=1,<3")
    if len(str(found.specifier)) > LONGEST_SPECIFIERS or not are_short(found.specifier):
        raise Rejected(CODE, where, "names a version that nobody needs", "bar>=1,<3")
    ProjectName.parse(found.name, where=where)
    return found


def line(requirement: Requirement) -> str:
    """The one way in which we write a requirement: PEP 508, name and extras normalised, conditions in one order."""
    extras = f"[{','.join(sorted(normalize(one) for one in requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker is not None else ""
    return f"{normalize(requirement.name)}{extras}{conditions(requirement.specifier)}{marker}"


def conditions(specifiers: Iterable[Specifier]) -> str:
    """A set of specifiers in the order in which people write it: ``>=1,!=2,<3``."""
    return ",".join(str(one) for one in sorted(set(specifiers), key=lambda one: (_ORDER.index(one.operator), str(one))))


def amended(before: Requirement, text: str, where: str = "requirement") -> tuple[str, Kind]:
    """The requirement after, in full, and whether it narrows or widens; raises `Rejected` if it does neither.

    ``text`` may leave out extras and marker: those of the requirement before count, and no others can be had.
    """
    after = read_requirement(text, where)
    if normalize(after.name) != normalize(before.name):
        raise Rejected(CODE, where, f"{after.name!r} is another project than {before.name!r}", f"{before.name}…")
    if after.extras and after.extras != before.extras:
        raise Rejected(CODE, where, "extras cannot be amended", f"those of {line(before)!r}, or none")
    if after.marker is not None and after.marker != before.marker:
        raise Rejected(CODE, where, "markers cannot be amended", f"that of {line(before)!r}, or none")
    after.extras, after.marker = before.extras, before.marker
    return line(after), kind_of(before.specifier, after.specifier, where)


def kind_of(before: SpecifierSet, after: SpecifierSet, where: str = "requirement") -> Kind:
    """What becomes of the set of versions; raises `Rejected` if it stays the same, lies across, or is empty."""
    found = compare(after, before)
    if found.empty:
        raise Rejected(
            CODE, where, f"no version at all is in {str(after)!r}", "a set with versions in it; or yank the release"
        )
    if found.within and found.contains:
        raise Rejected(CODE, where, f"{str(after) or 'any version'!r} is what the metadata says already")
    if found.within:
        return "narrowing"
    if found.contains:
        return "widening"
    both = compare(before & after, before)
    hint = "" if both.empty or both.contains else f"to narrow it: {conditions(before & after)}"
    raise Rejected(
        CODE, where,
        f"{str(after)!r} lets in versions that {str(before) or 'any'!r} does not, and shuts out others; it must either "
        "narrow or widen",
        hint or "two records cannot be one: first the one, then the other",
    )  # fmt: skip


def to_json(record: Amendment | Withdrawal) -> dict[str, Any]:
    """The record as a JSON object."""
    if isinstance(record, Withdrawal):
        return {
            "format": WITHDRAWAL, "id": record.id, "project": record.project, "reason": record.reason,
            "role": record.role, "at": _time(record.at), "view": record.view,
        }  # fmt: skip
    return {
        "format": FORMAT, "id": record.id, "project": record.project, "versions": list(record.versions),
        "requirement-before": record.before, "requirement-after": record.after, "kind": record.kind,
        "reason": record.reason, "evidence": record.evidence, "role": record.role, "at": _time(record.at),
        "view": record.view,
    }  # fmt: skip


def message(record: Amendment | Withdrawal) -> bytes:
    """What is signed: the record in canonical JSON (RFC 8785; all its values are texts), behind a prefix of its own."""
    text = json.dumps(to_json(record), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _PREFIX + text.encode()


def envelope(signed: Signed) -> dict[str, Any]:
    """The record with its signature, as it is handed out."""
    return {"signed": to_json(signed.record), "key": signed.key, "signature": signed.signature}


def key_id(raw: bytes) -> str:
    """How a public key is named: the first 32 digits of its SHA-256."""
    return hashlib.sha256(raw).hexdigest()[:32]


def read_envelope(value: object, where: str = "amendment", *, own: bool = False) -> Signed:
    """One record with its signature, from outside; raises `Rejected`. It is not verified yet: see `verify`."""
    outer = _object(value, where)
    record = read_record(outer.get("signed"), where, own=own)
    return Signed(record, _text(outer, "key", where, 64), _text(outer, "signature", where, 200))


def read_record(value: object, where: str = "amendment", *, own: bool = False) -> Amendment | Withdrawal:
    """A record from outside, with every rule that holds when one is made; raises `Rejected`.

    Of one's ``own``, which were held to the rules when they were made, what they narrow or widen is not computed again:
    a hundred of them stand on one page.
    """
    one = _object(value, where)
    form = one.get("format")
    if form not in (FORMAT, WITHDRAWAL):
        raise Rejected(CODE, where, f"the format {str(form)[:60]!r} is not known", FORMAT)
    identifier, project = _text(one, "id", where, 26), _text(one, "project", where, 100)
    role, view = _text(one, "role", where, 20), _text(one, "view", where, 40, empty=True)
    if not _ID.fullmatch(identifier) or role not in ROLES or not _VIEW.fullmatch(view):
        raise Rejected(CODE, where, "its id, role or view is none")
    if ProjectName.parse(project, where=where).normalized != project:
        raise Rejected(CODE, where, f"{project!r} is not normalised")
    at = _moment(_text(one, "at", where, 40), where)
    if form == WITHDRAWAL:
        reason = _text(one, "reason", where, LONGEST_REASON, empty=True)
        found: Amendment | Withdrawal = Withdrawal(identifier, project, reason, role, at, view)
    else:
        found = _amendment(one, where, identifier, project, role, view, at, own=own)
    if to_json(found) != one:
        raise Rejected(CODE, where, "it is not written as this index writes it, or holds more")
    return found


def _amendment(
    one: Mapping[str, object], where: str, identifier: str, project: str, role: str, view: str, at: datetime, *,
    own: bool,
) -> Amendment:  # fmt: skip
    told = one.get("versions")
    if not isinstance(told, list) or not 0 < len(told) <= MOST_VERSIONS or not all(isinstance(v, str) for v in told):
        raise Rejected(CODE, where, f"it names no versions, or more than {MOST_VERSIONS}")
    versions = tuple(str(parse_version(text, where)) for text in told)
    before = read_requirement(_text(one, "requirement-before", where, LONGEST_REQUIREMENT), where)
    after = _text(one, "requirement-after", where, LONGEST_REQUIREMENT)
    kind: Kind = "widening" if one.get("kind") == "widening" else "narrowing"
    if not own:
        after, kind = amended(before, after, where)
    return Amendment(
        identifier, project, versions, line(before), after, kind, read_reason(_text(one, "reason", where, 1000), where),
        read_evidence(_text(one, "evidence", where, 1000), where), role, at, view,
    )  # fmt: skip


def read_reason(text: str, where: str = "reason") -> str:
    """Why: one line for people; raises `Rejected`."""
    line_ = " ".join(text.split())
    if not line_ or len(line_) > LONGEST_REASON:
        raise Rejected(CODE, where, f"{len(line_)} characters", f"1 to {LONGEST_REASON}")
    if not line_.isprintable():
        raise Rejected(CODE, where, "holds characters that nobody sees", "printable text")
    return line_


def read_evidence(text: str, where: str = "evidence") -> str:
    """An address where it can be looked up; raises `Rejected`."""
    accepted = "https://github.com/example/foo/issues/12"
    if len(text) > LONGEST_EVIDENCE or not text.isascii() or not text.isprintable() or " " in text:
        raise Rejected(CODE, where, f"{text[:60]!r} is no address", accepted)
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise Rejected(CODE, where, f"{text[:60]!r} is no address", accepted) from error
    if (
        parts.scheme not in ("https", "http")
        or not parts.hostname
        or "@" in parts.netloc
        or set("<>\"'`\\") & set(text)
    ):
        raise Rejected(CODE, where, f"{text[:60]!r} is no address", accepted)
    return text


def verify(signed: Signed, keys: Sequence[PublicKey], now: datetime) -> PublicKey:
    """The key that has signed it, while it was in use; raises `Rejected` if none has."""
    # Who only reads records is spared what it loads.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    record = signed.record
    where = f"amendment {record.id}"
    key = next((one for one in keys if one.id == signed.key and key_id(one.raw) == one.id), None)
    if key is None:
        raise Rejected("unknown-key", where, f"no key {signed.key[:32]!r} of this index is known")
    if record.at > now + SKEW:
        raise Rejected("from-the-future", where, f"it is dated {_time(record.at)}, which is to come")
    if record.at < key.since or (key.until is not None and record.at > key.until):
        raise Rejected("key-not-in-use", where, f"the key {key.id} was not in use on {_time(record.at)}")
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(
            base64.b64decode(signed.signature, validate=True), message(record)
        )
    except (InvalidSignature, ValueError) as error:
        raise Rejected("bad-signature", where, "its signature does not fit") from error
    return key


def keys_to_json(keys: Sequence[PublicKey]) -> dict[str, Any]:
    """What ``/.well-known/customhouse-keys.json`` says."""
    return {
        "keys": [
            {
                "id": one.id, "algorithm": "ed25519", "public": base64.b64encode(one.raw).decode(),
                "since": _time(one.since), "until": _time(one.until) if one.until is not None else None,
            }
            for one in keys
        ]
    }  # fmt: skip


def read_keys(value: object, where: str = "keys") -> tuple[PublicKey, ...]:
    """The keys of such a document; raises `Rejected`."""
    told = _object(value, where).get("keys")
    if not isinstance(told, list) or len(told) > MOST_VERSIONS:
        raise Rejected(CODE, where, "holds no list of keys")
    return tuple(_key(_object(one, where), where) for one in told)


def _key(one: Mapping[str, object], where: str) -> PublicKey:
    if one.get("algorithm") != "ed25519":
        raise Rejected(CODE, where, "only ed25519 is known")
    try:
        raw = base64.b64decode(_text(one, "public", where, 100), validate=True)
    except ValueError as error:
        raise Rejected(CODE, where, "a key cannot be read") from error
    until = one.get("until")
    found = PublicKey(
        _text(one, "id", where, 64), raw, _moment(_text(one, "since", where, 40), where),
        _moment(str(until)[:40], where) if until is not None else None,
    )  # fmt: skip
    if key_id(raw) != found.id:
        raise Rejected(CODE, where, f"the key {found.id[:32]!r} is not the one that its id names")
    return found


def counting(records: Sequence[Amendment | Withdrawal]) -> list[Amendment]:
    """The amendments that have not been withdrawn, in the order of time. An id counts once, whatever came again."""
    gone = {(one.id, one.project) for one in records if isinstance(one, Withdrawal)}
    alive = {one.id: one for one in records if isinstance(one, Amendment) and (one.id, one.project) not in gone}
    return sorted(alive.values(), key=lambda one: (one.at, one.id))


def extra_of(requirement: Requirement) -> str | None:
    """The extra that the requirement is for, normalised; empty for none, None if the marker is not that simple."""
    if requirement.marker is None:
        return ""
    return split_marker(str(requirement.marker))[1]


_FOR_EXTRA = re.compile(r"""(?:(?P<rest>.+) and )?extra == "(?P<extra>[^"]{1,100})\"""")


def split_marker(marker: str) -> tuple[str, str | None]:
    """A marker without its extra, and the extra; None as the extra if the two cannot be told apart."""
    if not marker or not re.search(r"\bextra\b", marker):
        return marker, ""
    found = _FOR_EXTRA.fullmatch(marker)
    if found is None:
        return "", None
    rest = found["rest"] or ""
    # `a or b and extra == "x"` is another thing than `(a or b) and extra == "x"`.
    whole = rest.startswith("(") and rest.endswith(")") and "(" not in rest[1:-1]
    if re.search(r"\bextra\b", rest) or (" or " in rest and not whole):
        return "", None
    return (rest[1:-1] if whole else rest), normalize(found["extra"])


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Rejected(CODE, where, "it is no JSON object", "an object of this index")
    return value


def _text(one: Mapping[str, object], name: str, where: str, limit: int, *, empty: bool = False) -> str:
    text = one.get(name)
    if not isinstance(text, str) or len(text) > limit or (not text and not empty):
        raise Rejected(CODE, where, f"its {name!r} is missing or too long", f"a text of at most {limit} characters")
    return text


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(text: str, where: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise Rejected(CODE, where, f"{text[:40]!r} is no moment", "2026-11-28T04:15:00.000000Z") from error
