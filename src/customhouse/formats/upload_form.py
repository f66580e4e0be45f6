"""The form of the legacy upload API: what it must hold, and how its claims compare with the artifact.

The form is never believed. Every client fills it from the same metadata in a slightly different spelling, so claims
are compared by meaning, and a field that is absent claims nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from packaging.requirements import InvalidRequirement

from customhouse.formats.metadata import CoreMetadata, requirement_key
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize
from customhouse.terms.versions import parse_version, specifiers_of, version_of

# Hexadecimal lengths. The documentation of md5_digest once said base64url; all clients send hexadecimal.
_DIGESTS = {"md5_digest": 32, "sha256_digest": 64, "blake2_256_digest": 64}
_HEX = re.compile(r"[0-9a-f]+")
ATTESTATIONS = "attestations"
_ONCE = ("name", "version", "filetype", ATTESTATIONS, *_DIGESTS)
_LIST_FIELDS = {
    "classifiers": "classifiers",
    "requires_dist": "requires_dist",
    "provides_extra": "provides_extra",
    "license_file": "license_files",
    "license_files": "license_files",
    "import_name": "import_names",
    "import_names": "import_names",
    "import_namespace": "import_namespaces",
    "import_namespaces": "import_namespaces",
}


@dataclass(frozen=True, slots=True)
class UploadForm:
    """What the sender claims of the file. ``digests`` are lower-case hexadecimal by form field."""

    name: str
    version: str
    filetype: Literal["sdist", "bdist_wheel"]
    digests: dict[str, str]
    texts: dict[str, str]
    lists: dict[str, tuple[str, ...]]


def check_form(fields: Sequence[tuple[str, str]]) -> UploadForm:
    """Read the form; raises `Rejected` naming the field, what was found and what is accepted."""
    texts: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for field, value in fields:
        # setuptools and twine of old wrote UNKNOWN where there was nothing.
        if value.strip() in ("", "UNKNOWN"):
            if field == ATTESTATIONS:
                # Whoever sends it wants it verified: without a word the file would come in with nothing behind it.
                raise Rejected("bad-attestation", field, "is empty", "attestations (PEP 740), or no such field")
            continue
        if field in _LIST_FIELDS:
            lists.setdefault(_LIST_FIELDS[field], []).append(value)
        elif field in texts and texts[field] != value and field in _ONCE:
            raise Rejected("bad-form", field, "is given twice with different values", "one value")
        else:
            texts[field] = value
    _expect(texts, ":action", ("file_upload",), "file_upload")
    _expect(texts, "protocol_version", ("1",), "1")
    _expect(texts, "filetype", ("sdist", "bdist_wheel"), "sdist or bdist_wheel (no eggs, PEP 715)")
    filetype: Literal["sdist", "bdist_wheel"] = "sdist" if texts["filetype"] == "sdist" else "bdist_wheel"
    if filetype == "sdist" and texts.get("pyversion", "source") != "source":
        raise Rejected("bad-form", "pyversion", f"{texts['pyversion'][:40]!r} for an sdist", "source")
    for required in ("name", "version"):
        if required not in texts:
            raise Rejected("bad-form", required, "is missing", "one value")
    digests = {field: _digest(field, texts[field]) for field in _DIGESTS if field in texts}
    if not digests:
        raise Rejected("no-digest", "sha256_digest", "the form has no digest", f"at least one of {', '.join(_DIGESTS)}")
    return UploadForm(
        texts["name"], texts["version"], filetype, digests, texts, {key: tuple(value) for key, value in lists.items()}
    )


def compare_form(form: UploadForm, metadata: CoreMetadata) -> None:
    """Raise `Rejected` for the first field in which the form and the artifact differ."""
    _same("name", form.name, metadata.name, normalize(form.name) == normalize(metadata.name))
    version = parse_version(form.version, "version", "bad-form")
    _same("version", form.version, metadata.version, version == version_of(metadata.version))
    claimed = form.texts.get("metadata_version")
    if claimed is not None and not re.fullmatch(r"\d{1,3}\.\d{1,3}", claimed):
        raise Rejected("bad-form", "metadata_version", f"{claimed[:40]!r}", "a number such as 2.4")
    if "requires_python" in form.texts:
        claimed = form.texts["requires_python"]
        same = _specifiers(claimed) == _specifiers(metadata.requires_python)
        _same("requires_python", claimed, metadata.requires_python, same)
    if "requires_dist" in form.lists:
        _compare_requirements(form.lists["requires_dist"], metadata.requires_dist)
    for field in ("summary", "license_expression", "description_content_type"):
        if field in form.texts:
            found = str(getattr(metadata, field))
            _same(field, form.texts[field], found, _words(form.texts[field]) == _words(found))
    for field in ("classifiers", "import_names", "import_namespaces"):
        if field in form.lists:
            claimed_list, found_list = form.lists[field], getattr(metadata, field) or ()
            same = {_words(item) for item in claimed_list} == {_words(item) for item in found_list}
            _same(field, ", ".join(claimed_list), ", ".join(found_list), same)


def _compare_requirements(claimed: tuple[str, ...], found: tuple[str, ...]) -> None:
    try:
        claimed_keys = {requirement_key(text): text for text in claimed}
    except (InvalidRequirement, RecursionError) as error:
        raise Rejected("bad-form", "requires_dist", f"{error}"[:200], "requirements as of PEP 508") from error
    found_keys = {requirement_key(text): text for text in found}
    if only_claimed := sorted(claimed_keys.keys() - found_keys.keys()):
        raise _differs("requires_dist", claimed_keys[only_claimed[0]], "nothing like it")
    if only_found := sorted(found_keys.keys() - claimed_keys.keys()):
        raise _differs("requires_dist", "nothing like it", found_keys[only_found[0]])


def _expect(texts: dict[str, str], field: str, accepted: tuple[str, ...], sentence: str) -> None:
    found = texts.get(field)
    if found not in accepted:
        raise Rejected("bad-form", field, "is missing" if found is None else f"{found[:80]!r}", sentence)


def _digest(field: str, text: str) -> str:
    length = _DIGESTS[field]
    lowered = text.strip().lower()
    if len(lowered) == length and _HEX.fullmatch(lowered):
        return lowered
    if field == "md5_digest":
        try:
            raw = base64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) * 2 == length:
            return raw.hex()
    raise Rejected("bad-digest", field, f"{text[:80]!r} is no such digest", f"{length} hexadecimal digits")


def _specifiers(text: str) -> frozenset[str]:
    found = specifiers_of(text)
    if found is None:
        raise Rejected("bad-form", "requires_python", f"{text[:80]!r}", "specifiers as of PEP 440")
    return frozenset(str(specifier) for specifier in found)


def _words(text: str) -> str:
    return " ".join(text.split()).lower()


def _same(field: str, claimed: str, found: str, same: bool) -> None:
    if not same:
        raise _differs(field, claimed, found)


def _differs(field: str, claimed: str, found: str) -> Rejected:
    return Rejected(
        "form-differs", field, f"the form says {claimed[:200]!r}, the file says {found[:200]!r}",
        "the same in both: build the file and send it by the same tool",
    )  # fmt: skip
