"""Core metadata as the artifact holds it: parsed by `packaging`, checked as a public index checks it.

Sources: core metadata specification (PEP 241 to 566), PEP 639 (licences), PEP 643 (Dynamic), PEP 753 (URLs), PEP 794
(import names). The further bounds are those of PyPI's own index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from email.utils import parseaddr
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from packaging.errors import ExceptionGroup as PackagingErrors
from packaging.metadata import InvalidMetadata, Metadata, RawMetadata, parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize
from customhouse.terms.versions import LONGEST_VERSION, are_short, parse_version, specifiers_of

SUPPORTED_VERSIONS = ("1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5")
MAX_SUMMARY = 512
MAX_URL_LABEL = 32
CONTENT_TYPES = ("text/plain", "text/x-rst", "text/markdown")
_MARKDOWN_VARIANTS = ("GFM", "CommonMark")
# Fields that tools wrote for years before the metadata version that defines them: setuptools from 56 on wrote
# License-File into 2.1. They are read as absent, as on PyPI, whose clients do not send them.
_EARLY_FIELDS = ("license_files",)


@dataclass(frozen=True, slots=True)
class CoreMetadata:
    """What one distribution file says of itself. Absent text is ``""``, absent lists are empty."""

    metadata_version: str
    name: str
    version: str
    """As written; compare through `packaging`."""
    summary: str = ""
    description: str = ""
    description_content_type: str = ""
    keywords: tuple[str, ...] = ()
    home_page: str = ""
    download_url: str = ""
    author: str = ""
    author_email: str = ""
    maintainer: str = ""
    maintainer_email: str = ""
    license: str = ""
    license_expression: str = ""
    license_files: tuple[str, ...] = ()
    classifiers: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    requires_python: str = ""
    requires_dist: tuple[str, ...] = ()
    requires_external: tuple[str, ...] = ()
    provides_dist: tuple[str, ...] = ()
    obsoletes_dist: tuple[str, ...] = ()
    provides_extra: tuple[str, ...] = ()
    project_urls: tuple[tuple[str, str], ...] = ()
    dynamic: tuple[str, ...] = ()
    """Lower-case field names."""
    import_names: tuple[str, ...] | None = None
    import_namespaces: tuple[str, ...] | None = None

    @property
    def promises_static(self) -> bool:
        """Whether an sdist with this metadata binds its wheels in every field that is not Dynamic (PEP 643)."""
        return self._at_least(2, 2)

    @property
    def is_final(self) -> bool:
        """Whether no build can change it, so that it may be served for an sdist too (PEP 658)."""
        return self.promises_static and not self.dynamic

    @property
    def required_projects(self) -> list[str]:
        """Normalised names of the projects that it requires, behind whatever marker or extra."""
        return sorted({canonicalize_name(Requirement(text).name) for text in self.requires_dist})

    def is_dynamic(self, field: str) -> bool:
        """Whether a build may fill in the field (given by our attribute's name)."""
        return _HEADERS.get(field, field.replace("_", "-")) in self.dynamic

    def _at_least(self, *wanted: int) -> bool:
        return tuple(int(part) for part in self.metadata_version.split(".")) >= wanted

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CoreMetadata:
        """The inverse of `to_dict`."""
        whole: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        whole["project_urls"] = tuple((label, url) for label, url in values["project_urls"])
        return cls(**whole)


_HEADERS = {"import_names": "import-name", "import_namespaces": "import-namespace", "license_files": "license-file"}
_HEADERS |= {"classifiers": "classifier", "platforms": "platform", "project_urls": "project-url"}


def parse_stored_metadata(text: str) -> CoreMetadata:
    """Read metadata that was checked when it was taken in."""
    raw, _unknown = parse_email(text)
    return _values(raw)


def parse_metadata(text: str, *, name: str, version: Version) -> CoreMetadata:
    """Read and check METADATA or PKG-INFO of a file whose name says ``name`` (normalised) and ``version``.

    Raises `Rejected` naming the field, what was found and what is accepted.
    """
    raw, unknown = parse_email(text)
    _check_readable(raw, unknown)
    declared = raw.get("metadata_version", "")
    if declared not in SUPPORTED_VERSIONS:
        raise Rejected(
            "bad-metadata", "Metadata-Version", f"{declared!r} is not supported", ", ".join(SUPPORTED_VERSIONS)
        )
    if (declared_parts := tuple(map(int, declared.split(".")))) < (2, 4):
        for field in _EARLY_FIELDS:
            raw.pop(field, None)  # type: ignore[misc]
    _check_by_packaging(raw)
    found = _values(raw)
    _check_identity(found, name, version)
    _check_python(found)
    for check in (_check_texts, _check_licence, _check_people, _check_classifiers, _check_urls, _check_requirements):
        check(found)
    if declared_parts < (2, 5) and (found.import_names is not None or found.import_namespaces is not None):
        raise Rejected("bad-metadata", "Import-Name", f"is not a field of metadata {declared}", "metadata 2.5")
    return found


def _check_readable(raw: RawMetadata, unknown: dict[str, list[str]]) -> None:
    """A known field that is given twice, or not in UTF-8, must not silently vanish."""
    known = {field.replace("_", "-") for field in RawMetadata.__annotations__} | set(_HEADERS.values())
    for header in sorted(unknown):
        if header in known or header.rstrip("s") in known:
            raise Rejected(
                "bad-metadata", header.title(), f"{_short(unknown[header])} cannot be read", "one value in UTF-8"
            )
    for required in ("metadata_version", "name", "version"):
        if not raw.get(required):
            raise Rejected("bad-metadata", required.replace("_", "-").title(), "is missing", "one value")


def _check_by_packaging(raw: RawMetadata) -> None:
    try:
        Metadata.from_raw(raw)
    except PackagingErrors as errors:
        first = min(
            (error for error in errors.exceptions if isinstance(error, InvalidMetadata)),
            key=lambda error: error.field,
            default=None,
        )
        if first is None:
            raise Rejected("bad-metadata", "metadata", _short(str(errors)), "core metadata") from errors
        where = first.field.title()
        raise Rejected("bad-metadata", where, _short(_with_cause(first)), _accepted(first.field)) from errors
    except (ValueError, RecursionError) as error:
        raise Rejected("bad-metadata", "metadata", _short(str(error)), "core metadata") from error


def _with_cause(error: InvalidMetadata) -> str:
    return f"{error}: {error.__cause__}" if error.__cause__ else str(error)


def _accepted(field: str) -> str:
    return {
        "license-expression": "a valid SPDX expression in its normal spelling (PEP 639)",
        "requires-dist": "requirements as of PEP 508",
        "requires-python": "version specifiers as of PEP 440",
        "description-content-type": "text/plain, text/x-rst or text/markdown, in UTF-8",
        "summary": "one line",
        "dynamic": "names of core metadata fields except Name, Version and Metadata-Version",
    }.get(field, "a value as the core metadata specification asks")


def _check_identity(found: CoreMetadata, name: str, version: Version) -> None:
    if normalize(found.name) != name:
        raise Rejected(
            "name-mismatch", "Name", f"{found.name!r}, but the file is named for {name!r}", "one name in both"
        )
    parsed = parse_version(found.version, "Version", "bad-metadata")
    if len(str(parsed)) > LONGEST_VERSION:
        raise Rejected("bad-metadata", "Version", "is too long", f"at most {LONGEST_VERSION} characters")
    if parsed.local is not None:
        raise Rejected(
            "bad-metadata", "Version", f"{found.version!r} has a local part", "a public version (PEP 440), without '+'"
        )
    if parsed != version:
        raise Rejected(
            "version-mismatch", "Version", f"{found.version!r}, but the file is named for {str(version)!r}",
            "one version in both",
        )  # fmt: skip


def _check_python(found: CoreMetadata) -> None:
    if found.requires_python and specifiers_of(found.requires_python) is None:
        raise Rejected("bad-metadata", "Requires-Python", _short(found.requires_python), _accepted("requires-python"))


def _check_texts(found: CoreMetadata) -> None:
    if len(found.summary) > MAX_SUMMARY:
        raise Rejected(
            "bad-metadata", "Summary", f"{len(found.summary)} characters", f"one line of at most {MAX_SUMMARY}"
        )
    kind, *parameters = (part.strip() for part in found.description_content_type.split(";"))
    if kind and kind.lower() not in CONTENT_TYPES:
        raise Rejected("bad-metadata", "Description-Content-Type", _short(kind), ", ".join(CONTENT_TYPES))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        value = value.strip().strip('"')
        if key.strip().lower() == "charset" and value.upper() != "UTF-8":
            raise Rejected("bad-metadata", "Description-Content-Type", f"the charset {_short(value)}", "charset=UTF-8")
        if key.strip().lower() == "variant" and value not in _MARKDOWN_VARIANTS:
            raise Rejected(
                "bad-metadata",
                "Description-Content-Type",
                f"the variant {_short(value)}",
                " or ".join(_MARKDOWN_VARIANTS),
            )


def _check_licence(found: CoreMetadata) -> None:
    if found.license and found.license_expression:
        raise Rejected(
            "bad-metadata", "License-Expression", "stands beside License", "one of the two (PEP 639); drop License"
        )
    for path in found.license_files:
        if path.startswith("/") or "\\" in path or ".." in path.split("/"):
            raise Rejected(
                "bad-metadata", "License-File", f"{_short(path)} leaves the project",
                "relative paths with '/', without '..' (PEP 639)",
            )  # fmt: skip


def _check_people(found: CoreMetadata) -> None:
    for field, value in (("Author-email", found.author_email), ("Maintainer-email", found.maintainer_email)):
        for address in _addresses(value):
            local, at, domain = parseaddr(address)[1].rpartition("@")
            if not (at and local and domain) or any(character.isspace() for character in local + domain):
                raise Rejected("bad-metadata", field, f"{_short(address)} is not an e-mail address", "name@domain")


def _addresses(value: str) -> Iterator[str]:
    """Split at commas outside quotes; ``email.utils`` alone is quadratic on hostile lists."""
    if not value.strip():
        return
    part, quoted = "", False
    for character in value:
        quoted ^= character == '"'
        if character == "," and not quoted:
            if part.strip():
                yield part.strip()
            part = ""
        else:
            part += character
    if part.strip():
        yield part.strip()


@cache
def _trove() -> tuple[frozenset[str], dict[str, list[str]]]:
    from trove_classifiers import classifiers, deprecated_classifiers  # noqa: PLC0415 - 900 strings, loaded when needed

    return frozenset(classifiers), dict(deprecated_classifiers)


def _check_classifiers(found: CoreMetadata) -> None:
    known, deprecated = _trove()
    for classifier in found.classifiers:
        if classifier.startswith("Private ::"):
            raise Rejected(
                "bad-metadata", "Classifier", f"{_short(classifier)} says that the project is not to be published",
                "no 'Private ::' classifier",
            )  # fmt: skip
        if classifier in deprecated:
            better = deprecated[classifier]
            raise Rejected(
                "bad-metadata", "Classifier", f"{_short(classifier)} is deprecated",
                " or ".join(repr(one) for one in better) if better else "none in its place",
            )  # fmt: skip
        if classifier not in known:
            raise Rejected("bad-metadata", "Classifier", f"{_short(classifier)} is not known", "a trove classifier")


def _check_urls(found: CoreMetadata) -> None:
    for field, url in (("Home-page", found.home_page), ("Download-URL", found.download_url)):
        if url and url != "UNKNOWN":
            _check_url(field, url)
    for label, url in found.project_urls:
        if not 1 <= len(label) <= MAX_URL_LABEL:
            raise Rejected(
                "bad-metadata", "Project-URL", f"the label {_short(label)} has {len(label)} characters",
                f"1 to {MAX_URL_LABEL}",
            )  # fmt: skip
        _check_url(f"Project-URL {label!r}", url)


def _check_url(field: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good or any(character.isspace() for character in url):
        raise Rejected("bad-metadata", field, f"{_short(url)} is not a web address", "http:// or https://")


def _check_requirements(found: CoreMetadata) -> None:
    for field, values in (
        ("Requires-Dist", found.requires_dist),
        ("Provides-Dist", found.provides_dist),
        ("Obsoletes-Dist", found.obsoletes_dist),
    ):
        for text in values:
            try:
                requirement = Requirement(text)
            except (InvalidRequirement, RecursionError) as error:
                raise Rejected("bad-metadata", field, _short(text), "a requirement as of PEP 508") from error
            if not are_short(requirement.specifier):
                raise Rejected("bad-metadata", field, _short(text), f"versions of at most {LONGEST_VERSION} characters")
            if requirement.url:
                raise Rejected(
                    "bad-metadata", field, f"{_short(text)} points to an address", "a name with versions, not a URL"
                )


def requirement_key(text: str) -> str:
    """One spelling for equal requirements: normalised name and extras, sorted specifiers, marker."""
    requirement = Requirement(text)
    name = canonicalize_name(requirement.name)
    extras = ",".join(sorted(canonicalize_name(extra) for extra in requirement.extras))
    specifiers = ",".join(sorted(str(specifier) for specifier in requirement.specifier))
    return f"{name}[{extras}]{specifiers};{requirement.marker or ''}@{requirement.url or ''}"


def _values(raw: RawMetadata) -> CoreMetadata:
    values: dict[str, Any] = {}
    for field in fields(CoreMetadata):
        value: Any = raw.get(field.name)
        if value is None:
            continue
        if isinstance(value, dict):
            value = tuple(value.items())
        elif isinstance(value, list):
            value = tuple(str(item) for item in value)
        values[field.name] = value
    values["dynamic"] = tuple(sorted(header.lower() for header in values.get("dynamic", ())))
    values["keywords"] = tuple(word.strip() for word in _keywords(values.get("keywords", ())) if word.strip())
    return CoreMetadata(**{**values, "version": str(values.get("version", ""))})


def _keywords(words: Iterable[str]) -> Iterable[str]:
    listed = list(words)
    # Many projects separate keywords by spaces, against the specification; one long "word" helps nobody.
    return listed[0].split() if len(listed) == 1 else listed


def _short(value: object) -> str:
    text = repr(value) if not isinstance(value, str) else value
    return text if len(text) <= 200 else f"{text[:200]}…"  # noqa: PLR2004 - enough to recognise it
