"""Lock files that the tools themselves have written, and what hostile ones do: nothing."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.formats.inventory.model import Component, Edge, Subject
from customhouse.formats.inventory.pipfile_lock import read_pipfile_lock
from customhouse.formats.inventory.poetry_lock import read_poetry_lock
from customhouse.formats.inventory.pylock import read_pylock
from customhouse.formats.inventory.toml_lock import read_lock_toml
from customhouse.formats.inventory.uv_lock import read_uv_lock
from customhouse.terms.errors import Rejected

LOCKS = Path(__file__).parents[1] / "data/locks"
OFFLINE = ReadOptions(offline=True)


def read(path: Path) -> Subject:
    (subject,) = read_target(path, OFFLINE)
    return subject


def groups(subject: Subject) -> dict[str, set[str]]:
    return {f"{one.name} {one.version}": set(one.groups) for one in subject.components}


def direct(subject: Subject) -> set[str]:
    return {one.name for one in subject.components if one.direct}


def named(subject: Subject, name: str) -> Component:
    return next(one for one in subject.components if one.name == name)


def test_a_workspace_of_uv_knows_groups_forks_edges_and_members() -> None:
    subject = read(LOCKS / "uv/uv.lock")
    assert (subject.kind, subject.gaps) == ("uv-lock", ())
    found = groups(subject)
    # The members of the workspace are the user's own: they are not looked up, and what they ask for was asked for.
    assert not any(one.name in ("harbour", "quay") for one in subject.components)
    assert direct(subject) == {"blinker", "click", "itsdangerous", "pyflakes", "pygments", "pytest"}
    assert "production" in found["pygments 2.17.2"]
    assert sum(one.name == "pygments" for one in subject.components) == 2
    assert found["blinker 1.7.0"] == {"web"}
    assert found["iniconfig 2.3.1"] == {"dev"}
    assert found["click 8.5.1"] == {"production"}
    assert {group for some in found.values() for group in some} == {"production", "dev", "lint", "web"}
    click = named(subject, "click")
    assert click.index == "https://pypi.org/simple"
    assert len(click.hashes) == 2
    assert Edge("iniconfig") in named(subject, "pytest").requires


def test_the_line_that_is_told_is_the_line_of_the_package() -> None:
    lines = (LOCKS / "uv/uv.lock").read_text().splitlines()
    for one in read(LOCKS / "uv/uv.lock").components:
        line = int(one.where.rpartition(":")[2])
        assert lines[line - 1] == "[[package]]"
        assert lines[line] == f'name = "{one.name}"'


def test_poetry_2_says_groups_itself_and_poetry_1_through_the_project() -> None:
    newer, older = read(LOCKS / "poetry-2"), read(LOCKS / "poetry-1")
    assert newer.kind == older.kind == "poetry-lock"
    assert groups(newer) == groups(older)
    assert direct(newer) == direct(older) == {"click", "blinker", "pytest"}
    assert groups(newer)["click 8.5.1"] == {"production"}
    assert named(newer, "pytest").groups == {"dev"}
    assert Edge("pluggy", ">=1.5,<2") in named(newer, "pytest").requires
    assert len(named(newer, "click").hashes) == 2
    # Without the project nobody knows the groups of an old lock, and whoever is required by nobody was asked for.
    alone = read_poetry_lock((LOCKS / "poetry-1/poetry.lock").read_text(), "poetry.lock")
    assert set().union(*groups(alone).values()) == {"production"}
    assert direct(alone) == {"click", "blinker", "pytest"}


def test_pipenv_has_categories_and_the_pipfile_says_who_was_asked_for() -> None:
    subject = read(LOCKS / "pipenv/Pipfile.lock")
    assert subject.kind == "pipfile-lock"
    assert direct(subject) == {"click", "pytest", "pygments"}
    assert groups(subject)["click 8.5.1"] == {"production"}
    assert groups(subject)["pygments 2.17.2"] == {"docs"}
    assert {one.index for one in subject.components if one.direct} == {"https://pypi.org/simple"}
    assert read(LOCKS / "pipenv/Pipfile").components == subject.components
    alone = read_pipfile_lock((LOCKS / "pipenv/Pipfile.lock").read_text(), "Pipfile.lock")
    assert all(one.direct for one in alone.components)


def test_pylock_is_read_as_uv_and_as_pip_write_it() -> None:
    by_uv = read(LOCKS / "uv/pylock.toml")
    assert {(one.name, one.version) for one in by_uv.components} == {
        (one.name, one.version) for one in read(LOCKS / "uv/uv.lock").components
    }
    assert len(named(by_uv, "click").hashes) == 2
    by_pip = read(LOCKS / "pip/pylock.toml")
    assert (by_pip.kind, by_pip.gaps) == ("pylock", ())
    assert named(by_pip, "click").hashes == {"sha256:8bb5376d2006950386f8c6427613334a2acadc5f559cb80e638d00b4df957e37"}


def test_all_of_pep_751_is_understood() -> None:
    subject = read_pylock(
        """
lock-version = "1.0"
extras = ["web"]
dependency-groups = ["dev"]
default-groups = ["default"]
[[packages]]
name = "Root_Pkg"
version = "1.0"
index = "https://index.example/simple"
dependencies = [{name = "leaf", version = "2.0"}, {name = "other", marker = "x"}]
[[packages]]
name = "leaf"
version = "1.0"
marker = "python_version < '3.11'"
[[packages]]
name = "leaf"
version = "2.0"
[[packages]]
name = "tester"
version = "3.0"
marker = "'dev' in dependency_groups or 'docs' in dependency_groups"
dependencies = [{name = "deep"}]
[[packages]]
name = "deep"
version = "4.0"
[[packages]]
name = "webby"
version = "5.0"
marker = "'web' in extras and 'slim' not in extras"
[[packages]]
name = "from-archive"
archive = {url = "https://example.org/from_archive-6.1.tar.gz", hashes = {sha256 = "ABC"}}
[[packages]]
name = "no-version"
wheels = [{name = "no_version-7.0-py3-none-any.whl", hashes = {sha256 = "def"}}]
[[packages]]
name = "from-git"
vcs = {type = "git", url = "https://example.org/x.git", commit-id = "abc"}
[[packages]]
name = "mine"
directory = {path = ".", editable = true}
[[packages]]
version = "9"
""",
        "pylock.toml",
    )
    found = {f"{one.name} {one.version}": one for one in subject.components}
    assert list(found) == [
        "root-pkg 1.0", "leaf 1.0", "leaf 2.0", "tester 3.0", "deep 4.0", "webby 5.0", "from-archive 6.1", "no-version 7.0",
    ]  # fmt: skip
    assert found["tester 3.0"].groups == found["deep 4.0"].groups == {"dev", "docs"}
    assert found["webby 5.0"].groups == {"web"}
    assert found["leaf 2.0"].groups == {"production"}
    assert found["from-archive 6.1"].hashes == {"sha256:abc"}
    assert found["no-version 7.0"].hashes == {"sha256:def"}
    assert not found["leaf 2.0"].direct
    assert found["root-pkg 1.0"].direct
    assert found["root-pkg 1.0"].requires == (Edge("leaf"), Edge("other", marker="x"))
    assert "if python_version" in found["leaf 1.0"].where
    assert [gap.why.split()[0] for gap in subject.gaps] == ["from-git", "a"]
    assert read_pylock('lock-version = "1.9"\npackages = []\n', "x").gaps[0].why.startswith("1.9 is newer")


def test_uv_locks_of_scripts_and_of_odd_sources_are_read() -> None:
    subject = read_uv_lock(
        """
version = 1
[manifest]
requirements = [{ name = "rich", specifier = ">=13" }]
[[package]]
name = "rich"
version = "13.0"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "gone" }, { name = "sibling" }]
[[package]]
name = "sibling"
version = "0.3"
source = { git = "https://example.org/sibling.git?rev=main#abc" }
[[package]]
name = "nameless"
source = { directory = "../nameless" }
""",
        "script.py.lock",
    )
    assert direct(subject) == {"rich"}
    assert "from git https://example.org/sibling.git" in named(subject, "sibling").where
    whys = [gap.why for gap in subject.gaps]
    assert len(whys) == 2
    assert "has no version" in whys[0]
    assert "gone is required but not locked" in whys[1]


def test_poetry_before_1_5_keeps_hashes_and_categories_elsewhere() -> None:
    subject = read_poetry_lock(
        """
[[package]]
name = "attrs"
version = "22.1.0"
category = "dev"
optional = false
[[package]]
name = "Local"
version = "1"
category = "main"
[package.dependencies]
attrs = {version = "^22", markers = "python_version > '3'"}
[package.source]
type = "directory"
url = "../local"
[[package]]
name = "damaged"
[metadata]
lock-version = "1.1"
[metadata.files]
attrs = [{file = "attrs-22.1.0.tar.gz", hash = "sha256:aa"}]
""",
        "poetry.lock",
    )
    assert named(subject, "attrs").groups == {"dev"}
    assert named(subject, "attrs").hashes == {"sha256:aa"}
    assert named(subject, "local").requires == (Edge("attrs", "", "python_version > '3'"),)
    assert "from directory ../local" in named(subject, "local").where
    assert ["damaged has no version" in gap.why for gap in subject.gaps] == [True]


def test_pipenv_packages_without_a_version_are_gaps() -> None:
    subject = read_pipfile_lock(
        """{"_meta": {"pipfile-spec": 6, "sources": []},
        "default": {"a": {"git": "https://example.org/a.git", "ref": "x"}, "b": {"file": "https://x.example/b-1.5.tar.gz"},
        "c": {"version": "*"}, "d": 7, "e": {"version": "==1", "markers": "os_name == 'nt'"}}, "develop": []}""",
        "Pipfile.lock",
    )
    assert [(one.name, one.version) for one in subject.components] == [("b", "1.5"), ("e", "1")]
    assert len(subject.gaps) == 4


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("uv.lock", "version = 2\n"),
        ("uv.lock", "version = 1\npackage = 3\n"),
        ("uv.lock", "version = 1\n[[package]\n"),
        ("pylock.toml", "lock-version = '2.0'\n"),
        ("pylock.toml", ""),
        ("poetry.lock", ""),
        ("poetry.lock", "x = " + "[" * 3000),
        ("Pipfile.lock", "[]"),
        ("Pipfile.lock", '{"_meta": {}, "_meta": {}}'),
        ("Pipfile.lock", "{"),
        ("pdm.lock", ""),
    ],
)
def test_what_is_no_lock_is_refused_with_the_place(tmp_path: Path, name: str, body: str) -> None:
    (tmp_path / name).write_text(body)
    with pytest.raises(Rejected, match=name) as refused:
        read_target(tmp_path / name, OFFLINE)
    assert refused.value.accepted


def test_the_place_of_a_fault_is_that_of_the_file_and_not_of_its_shortened_text() -> None:
    files = "".join(f'    {{file = "x-{n}.whl", hash = "sha256:{n:064d}"}},\n' for n in range(50))
    body = f'[[package]]\nname = "x"\nfiles = [\n{files}]\nbroken\n'
    with pytest.raises(Rejected, match="line 55"):
        read_lock_toml(body, "poetry.lock")


def large_lock(count: int) -> str:
    """A lock of uv as large projects have: twenty wheels for each package."""
    parts = ["version = 1\n"]
    for number in range(count):
        wheels = "".join(
            f'    {{ url = "https://files.pythonhosted.org/packages/aa/bb/{"c" * 60}/package_{number}-1.{number}-cp3{n}-cp3{n}-manylinux.whl", hash = "sha256:{number * 100 + n:064x}", size = 1, upload-time = "2026-01-01T00:00:00Z" }},\n'
            for n in range(20)
        )
        needs = "".join(f'    {{ name = "package-{other}" }},\n' for other in range(number + 1, min(number + 4, count)))
        parts.append(
            f'\n[[package]]\nname = "package-{number}"\nversion = "1.{number}"\nsource = {{ registry = "https://pypi.org/simple" }}\ndependencies = [\n{needs}]\nsdist = {{ url = "https://files.pythonhosted.org/x.tar.gz", hash = "sha256:{10**9 + number:064x}", size = 1 }}\nwheels = [\n{wheels}]\n'
        )
    root = "".join(f'    {{ name = "package-{n}" }},\n' for n in range(0, count, 10))
    parts.append(
        f'\n[[package]]\nname = "root"\nversion = "0"\nsource = {{ virtual = "." }}\ndependencies = [\n{root}]\n'
    )
    return "".join(parts)


def test_a_lock_without_its_list_of_packages_is_no_empty_one() -> None:
    slip = 'version = 1\n[[packages]]\nname = "django"\nversion = "1.2"\n'
    assert "it has no [[package]]" in read_uv_lock(slip, "uv.lock").gaps[0].why
    slip = 'lock-version = "1.0"\n[[package]]\nname = "django"\nversion = "1.2"\n'
    assert "it has no [[packages]]" in read_pylock(slip, "pylock.toml").gaps[0].why


def test_no_text_of_several_lines_hides_a_package() -> None:
    # Shortening the lists of files would move where the texts end, and with them what stands between.
    lock = '''version = 1
note = """
wheels = [{"""#}]
[[package]]
name = "django"
version = "1.2"
source = { registry = "https://pypi.org/simple" }
note = """
wheels = [{"""#}]
'''
    assert [one.name for one in read_uv_lock(lock, "uv.lock").components] == ["django"]


def test_a_lock_of_thirteen_hundred_packages_takes_less_than_half_a_second() -> None:
    body = large_lock(1300)
    assert len(body) > 5_000_000
    took = []
    for _ in range(3):
        start = time.process_time()
        subject = read_uv_lock(body, "uv.lock")
        took.append(time.process_time() - start)
    assert len(subject.components) == 1300
    assert all(len(one.hashes) == 21 for one in subject.components)
    assert min(took) < 0.5


@given(st.text(max_size=300))
@settings(max_examples=60)
def test_any_text_is_a_lock_or_refused(text: str) -> None:
    for reader in (read_uv_lock, read_pylock, read_poetry_lock, read_pipfile_lock):
        try:
            reader(text, "x")
        except Rejected as error:
            assert error.accepted  # noqa: PT017  # either is right


VALUES: st.SearchStrategy[object] = st.recursive(
    st.sampled_from(["", "x", "1.0", "==1", "sha256:aa", "dev"]) | st.integers(0, 9) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "version",
                    "source",
                    "dependencies",
                    "registry",
                    "virtual",
                    "wheels",
                    "hash",
                    "hashes",
                    "marker",
                    "groups",
                    "_meta",
                    "default",
                    "optional-dependencies",
                    "dev-dependencies",
                    "metadata",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "version",
                    "source",
                    "dependencies",
                    "wheels",
                    "marker",
                    "groups",
                    "metadata",
                    "directory",
                    "vcs",
                ]
            ),
            VALUES,
            max_size=6,
        ),
        max_size=4,
    )
)
@settings(max_examples=80)
def test_values_of_the_wrong_kind_break_no_reader(packages: list[dict[str, object]]) -> None:
    import json  # noqa: PLC0415

    from customhouse.formats.inventory import pylock, uv_lock  # noqa: PLC0415

    def toml(value: object) -> str:
        match value:
            case dict():
                return "{" + ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items()) + "}"
            case list():
                return "[" + ", ".join(toml(one) for one in value) + "]"
            case _:
                return json.dumps(value)

    listed = toml(packages)
    uv_lock.read_uv_lock(f"version = 1\npackage = {listed}\n", "x")
    pylock.read_pylock(f'lock-version = "1.0"\npackages = {listed}\n', "x")
    read_poetry_lock(f'package = {listed}\n[metadata]\nlock-version = "2.1"\n', "x")


@pytest.mark.parametrize(
    "body",
    [
        "sdist = {" + "a" * 1_000_000,
        ("wheels = [\n" + "    { url = 1 },\n" * 20_000) + "x",
        "wheels = [{" + "{" * 300_000,
        "[[package]]\n" * 20_000,
    ],
)
def test_hostile_toml_takes_no_longer_than_its_length(body: str) -> None:
    start = time.process_time()
    with suppress(Rejected):
        read_uv_lock("version = 1\n" + body, "uv.lock")
    assert time.process_time() - start < 3


def test_what_a_project_asks_for_by_now_and_its_lock_does_not_know_is_told(tmp_path: Path) -> None:
    lock = 'version = 1\n[[package]]\nname = "six"\nversion = "1.16.0"\nsource = { registry = "https://pypi.org/simple" }\n'
    (tmp_path / "uv.lock").write_text(lock)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\ndependencies = ["Six", "django>=1", "x[y]", "tomli; python_version < \'3\'"]\n'
        '[dependency-groups]\ndev = ["pytest"]\n'
    )
    (subject,) = read_target(tmp_path / "uv.lock")
    assert [gap.why for gap in subject.gaps] == [
        "django is asked for and not locked", "pytest is asked for and not locked",
    ]  # fmt: skip
    (tmp_path / "pyproject.toml").write_text("[")
    assert read_target(tmp_path / "uv.lock")[0].gaps == ()


HASH, OTHER = f"sha256:{'a' * 64}", f"sha256:{'e' * 64}"


@pytest.mark.parametrize("more", [
    f'--hash="{OTHER}"', f"--hash '{OTHER}'", f'"--hash={OTHER}"', f"--has={OTHER}", f"--h={OTHER}", f"--h {OTHER}",
    f"--ha\\sh={OTHER}", "--hash=${EVIL}", f"\t--hash='{OTHER}'", f'-"-hash"={OTHER}', f"--hash={OTHER}0x",
])  # fmt: skip
def test_a_hash_that_pip_reads_and_nobody_else_is_a_gap_and_never_passed_over(tmp_path: Path, more: str) -> None:
    """pip takes options apart as a shell does, and any beginning of ``--hash``: one more file would be let in."""
    place = tmp_path / "requirements.txt"
    place.write_text(f"bar==2.0 --hash={HASH} {more}\n")
    subject = read(place)
    assert subject.gaps, more
    place.write_text(f'bar==2.0 --config-settings="--build-option=-x" --hash={HASH}\n')
    assert (read(place).gaps, read(place).components[0].hashes) == ((), frozenset({HASH}))
