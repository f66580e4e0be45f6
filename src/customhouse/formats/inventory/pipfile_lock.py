"""``Pipfile.lock`` of pipenv: ``default`` is production, ``develop`` and further categories are groups.

Source: the page "Pipfile & Pipfile.lock" of pipenv's documentation (pipfile-spec 6). The lock knows no edges; who was
asked for stands in the Pipfile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.formats.inventory.file_version import version_in
from customhouse.formats.inventory.model import PRODUCTION, Component, Gap, Subject
from customhouse.formats.inventory.toml_lock import CODE, read_lock_toml, table, text, texts
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

MOST_PACKAGES = 100_000
_LOCK_AGAIN = "run `pipenv lock`, then audit again"
_SPEC = 6


def read_pipfile_lock(lock: str, where: str, pipfile: str = "") -> Subject:
    """What a Pipfile.lock holds; ``pipfile`` is the text of the Pipfile beside it. Raises `Rejected`."""
    try:
        values = read_json(lock)
    except ValueError as error:
        raise Rejected(CODE, where, f"it is no JSON: {str(error)[:200]}", "a Pipfile.lock that is whole") from None
    meta = table(table(values).get("_meta"))
    if not meta:
        raise Rejected(CODE, f"{where}: _meta", "it is missing", "a Pipfile.lock as pipenv writes it")
    gaps: list[Gap] = []
    if meta.get("pipfile-spec") != _SPEC:
        gaps.append(Gap(f"{where}: _meta", f"pipfile-spec {str(meta.get('pipfile-spec'))[:20]} is not 6", _LOCK_AGAIN))
    indexes = {
        text(one.get("name")): text(one.get("url")) for one in meta.get("sources") or () if isinstance(one, dict)
    } if isinstance(meta.get("sources"), list) else {}  # fmt: skip
    asked = _asked(pipfile)
    found: dict[tuple[str, str], Component] = {}
    for category, packages in values.items():
        if category == "_meta":
            continue
        if not isinstance(packages, dict):
            gaps.append(Gap(f"{where}: {category[:60]}", "it holds no packages by name", _LOCK_AGAIN))
            continue
        group = PRODUCTION if category == "default" else "dev" if category == "develop" else category
        for name, entry in packages.items():
            one = _component(name, entry, f"{where}: {category}", group, asked, indexes)
            if isinstance(one, Gap):
                gaps.append(one)
                continue
            first = found.get((one.name, one.version), one)
            found[one.name, one.version] = Component(
                one.name, one.version, first.where, first.groups | one.groups, first.direct or one.direct,
                (), first.hashes | one.hashes, first.index,
            )  # fmt: skip
            if len(found) > MOST_PACKAGES:
                raise Rejected(CODE, where, f"more than {MOST_PACKAGES} packages", f"at most {MOST_PACKAGES}")
    return Subject(where, "pipfile-lock", tuple(found.values()), tuple(gaps))


def _component(
    name: str, entry: object, where: str, group: str, asked: Mapping[str, set[str]], indexes: Mapping[str, str]
) -> Component | Gap:
    values: dict[str, Any] = table(entry)
    normal = normalize(name)
    version = text(values.get("version"))
    address = next((text(values.get(key)) for key in ("file", "path", "git", "hg", "svn") if values.get(key)), "")
    if not version.startswith("==") and (told := version_in(address, name)):
        version = f"=={told}"
    if not version.startswith("=="):
        what = f"comes from {address[:200]}" if address else f"is locked as {version[:60] or 'nothing'}"
        return Gap(
            f"{where}: {name[:100]}", f"it {what} and has no version", "build it and audit the wheel, or lock again"
        )
    marker = text(values.get("markers"))
    # Without a Pipfile nobody knows who was asked for; then each was, so that none is hidden behind another.
    direct = not asked or normal in asked.get(group, set())
    return Component(
        normal,
        version.lstrip("="),
        f"{where}{f' (if {marker[:200]})' if marker else ''}",
        frozenset({group}),
        direct,
        (),
        frozenset(one.lower()[:140] for one in texts(values.get("hashes"))),
        indexes.get(text(values.get("index")), ""),
    )


def _asked(pipfile: str) -> dict[str, set[str]]:
    if not pipfile:
        return {}
    try:
        values = read_lock_toml(pipfile, "Pipfile", whole=True)
    except Rejected:
        return {}
    names = {"packages": PRODUCTION, "dev-packages": "dev"}
    return {
        names.get(section, section): {normalize(name) for name in wanted}
        for section, wanted in values.items()
        if isinstance(wanted, dict) and section not in ("requires", "pipenv", "scripts")
    }
