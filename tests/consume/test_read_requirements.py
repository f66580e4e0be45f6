"""Requirements files as pip reads them: pins are taken, the rest is resolved by uv or is a gap."""

from __future__ import annotations

import io
import sys
import tarfile
import time
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.formats.inventory.model import Edge, Subject
from customhouse.formats.inventory.requirements_file import Fault, Option, Wanted, read_lines
from customhouse.terms.errors import Rejected

LOCKS = Path(__file__).parents[1] / "data/locks"
OFFLINE = ReadOptions(offline=True)
UV = Path(sys.executable).with_name("uv")


def read(path: Path, options: ReadOptions = OFFLINE) -> Subject:
    (subject,) = read_target(path, options)
    return subject


def written(folder: Path, text: str, name: str = "requirements.txt") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_pins_are_taken_with_hashes_lines_and_index(tmp_path: Path) -> None:
    digest = "a" * 64
    subject = read(
        written(
            tmp_path,
            f"""# what we need
--index-url https://index.example/simple
Django[argon2] == 4.2.1   # pinned
requests==2.31.0 \\
    --hash=sha256:{digest} \\
    --hash=sha512:{digest * 2}
six===1.16.0 ; python_version < "3"
""",
        )
    )
    assert [(one.name, one.version, one.direct) for one in subject.components] == [
        ("django", "4.2.1", True), ("requests", "2.31.0", True), ("six", "1.16.0", True),
    ]  # fmt: skip
    assert subject.components[1].hashes == {f"sha256:{digest}", f"sha512:{digest * 2}"}
    assert subject.components[1].where.endswith("requirements.txt:4")
    assert {one.index for one in subject.components} == {"https://index.example/simple"}
    # A marker that does not hold here may hold where the file is installed.
    assert "(if python_version" in subject.components[2].where
    assert subject.gaps == ()


def test_markers_decide_where_a_python_is_given(tmp_path: Path) -> None:
    path = written(tmp_path, 'tomli==2.0.1; python_version < "3.11"\nsix==1.16.0\n')
    assert [one.name for one in read(path, ReadOptions(python="3.12", offline=True)).components] == ["six"]
    assert [one.name for one in read(path, ReadOptions(python="3.10", offline=True)).components] == ["tomli", "six"]


def test_includes_and_constraints_are_followed_once_each(tmp_path: Path) -> None:
    written(tmp_path, "-r base.txt\n-c limits.txt\n-rmore/deep.txt\nsix==1.16.0\n")
    written(tmp_path, "-r requirements.txt\nidna==3.6\n", "base.txt")
    written(tmp_path, "idna<4\n", "limits.txt")
    written(tmp_path, "--requirement=../base.txt\ncertifi==2024.2.2\n", "more/deep.txt")
    subject = read(tmp_path / "requirements.txt")
    assert [(one.name, one.where.rpartition("/")[2]) for one in subject.components] == [
        ("idna", "base.txt:2"), ("certifi", "deep.txt:2"), ("six", "requirements.txt:4"),
    ]  # fmt: skip
    assert subject.gaps == ()


def test_includes_that_lead_nowhere_too_deep_or_away_are_gaps(tmp_path: Path) -> None:
    written(tmp_path, "-r gone.txt\n-r https://example.org/r.txt\n-r ${WHERE}.txt\n-r d0.txt\n")
    for number in range(15):
        written(tmp_path, f"-r d{number + 1}.txt\npin{number}==1\n", f"d{number}.txt")
    subject = read(tmp_path / "requirements.txt")
    whys = " | ".join(gap.why for gap in subject.gaps)
    assert len(subject.gaps) == 4
    for part in ("gone.txt", "an address and is not followed", "holds a variable", "deeper than 10"):
        assert part in whys
    assert len(subject.components) == 10


def test_what_has_no_version_is_a_gap_that_says_what_to_do(tmp_path: Path) -> None:
    subject = read(
        written(
            tmp_path,
            """flask
-e ./mine
-e git+https://github.com/a/b.git@main#egg=b
c @ git+https://github.com/a/c.git
./d
https://example.org/e-1.2.tar.gz
f @ https://example.org/f-2.0-py3-none-any.whl ; python_version > "3"
https://example.org/g-3.0%2Bcu118-cp311-cp311-linux_x86_64.whl#sha256=abc
h==${VERSION}
--no-such-option x
i ???
j==1.*
k>=1,==1.5
""",
        )
    )
    assert [(one.name, one.version) for one in subject.components] == [("e", "1.2"), ("f", "2.0"), ("g", "3.0+cu118")]
    places = [int(gap.where.rpartition(":")[2]) for gap in subject.gaps]
    assert sorted(places) == [1, 2, 3, 4, 5, 9, 10, 11, 12, 13]
    assert all(gap.next_step for gap in subject.gaps)


def test_comments_of_tools_tell_who_brought_it_in() -> None:
    subject = read(LOCKS / "uv/requirements.txt")
    found = {one.name: one for one in subject.components}
    assert {name for name, one in found.items() if one.direct} == {
        "blinker", "click", "itsdangerous", "pyflakes", "pygments", "pytest",
    }  # fmt: skip
    assert Edge("exceptiongroup") in found["pytest"].requires
    assert Edge("iniconfig") in found["pytest"].requires
    assert all(one.hashes for one in subject.components)
    assert subject.gaps == ()


def test_annotations_on_one_line_are_read_too(tmp_path: Path) -> None:
    subject = read(written(tmp_path, "a==1  # via -r x.in\nb==2  # via a, c\nc==3  # via a\n"))
    assert {one.name: one.direct for one in subject.components} == {"a": True, "b": False, "c": False}


def test_without_uv_and_without_a_network_nothing_is_said_to_be_fine(tmp_path: Path) -> None:
    path = written(tmp_path, "flask>=3\nsix==1.16.0\n")
    offline = read(path)
    assert [gap.why for gap in offline.gaps] == ["flask>=3 is not pinned, and nothing is asked over the network"]
    absent = read(path, ReadOptions(uv=str(tmp_path / "no-uv")))
    assert "cannot be started" in absent.gaps[0].why
    slow = tmp_path / "slow-uv"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    late = read(path, ReadOptions(uv=str(slow), resolve_seconds=0.2))
    assert "no answer within 0.2 s" in late.gaps[0].why
    for one in (offline, absent, late):
        assert [component.name for component in one.components] == ["six"]


def test_files_that_are_no_text_are_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    for body, why in (
        (b"six==1\0\n", "a NUL"),
        (b"six==1\n\xff\xfa\n", "no text in UTF-8"),
        (b"\xff\xfes\0i\0x\0", "UTF-16"),
    ):
        path.write_bytes(body)
        if why == "UTF-16":
            assert "six" in read(path).gaps[0].why
            continue
        with pytest.raises(Rejected, match=why):
            read(path)
    path.write_text("\ufeffsix==1.16.0\r\nidna==3.6\r\n")
    assert [one.name for one in read(path).components] == ["six", "idna"]
    path.write_text("")
    assert read(path).components == ()


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_behind_a_comment_nothing_hides_that_pip_would_read(end: str, tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(f"# harmless {end}django==1.2{end}six==1.16.0\n".encode())
    assert [(one.name, one.version) for one in read(path).components] == [("django", "1.2"), ("six", "1.16.0")]


@pytest.mark.slow
def test_lines_beyond_the_last_that_is_read_are_told(tmp_path: Path) -> None:
    subject = read(written(tmp_path, "\n" * 1_000_000 + "django==1.2\n"))
    assert subject.components == ()
    assert "more than 1000000 lines: the rest was not read" in subject.gaps[0].why


@pytest.fixture
def uv(tmp_path: Path) -> Path:
    """The real uv, with a few made-up wheels instead of an index."""
    house = tmp_path / "wheels"
    house.mkdir()
    for name, version, requires in (
        ("alpha", "1.0", "beta>=1"),
        ("beta", "1.0", ""),
        ("beta", "2.0", "gamma"),
        ("gamma", "3.0", ""),
    ):
        with ZipFile(house / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            info = f"{name}-{version}.dist-info"
            line = f"Requires-Dist: {requires}\n" if requires else ""
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{line}")
            wheel.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{info}/RECORD", "")
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\nexec {UV} --offline --no-config "$@" --no-index --find-links {house}\n')
    uv.chmod(0o755)
    return uv


@pytest.mark.slow
def test_uv_resolves_what_is_not_pinned(tmp_path: Path, uv: Path) -> None:
    options = ReadOptions(uv=str(uv))
    path = written(tmp_path, "-c c.txt\nalpha\n")
    written(tmp_path, "beta<3\n", "c.txt")
    # A Python in the folder that is audited is never run: ours is named to uv.
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    (tmp_path / ".venv/pyvenv.cfg").write_text("home = /nowhere\n")
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    python.chmod(0o755)
    subject = read(path, options)
    assert subject.gaps == ()
    assert [(one.name, one.version, one.direct) for one in subject.components] == [
        ("alpha", "1.0", True), ("beta", "2.0", False), ("gamma", "3.0", False),
    ]  # fmt: skip
    assert subject.components[1].requires == (Edge("gamma"),)
    assert not (tmp_path / "was-run").exists()
    assert [one.name for one in read(written(tmp_path, "beta==2.0\n"), options).components] == ["beta"]
    always = read(tmp_path / "requirements.txt", ReadOptions(uv=str(uv), resolve="always"))
    assert [one.name for one in always.components] == ["beta", "gamma"]
    # The plan is for here; what another Python would get is audited too.
    forked = "beta==1.0 ; python_version < '3'\nbeta==2.0 ; python_version >= '3'\nalpha\n"
    assert [(one.name, one.version) for one in read(written(tmp_path, forked), options).components] == [
        ("alpha", "1.0"), ("beta", "2.0"), ("gamma", "3.0"), ("beta", "1.0"),
    ]  # fmt: skip
    impossible = read(written(tmp_path, "alpha>2\n"), options)
    assert impossible.components == ()
    assert impossible.gaps[0].where == "uv pip compile"
    assert "cannot be installed together" in impossible.gaps[0].next_step
    # Two groups of a project, of which one cannot be installed, are resolved one by one.
    project = tmp_path / "project/pyproject.toml"
    written(
        tmp_path,
        '[project]\nname = "p"\ndependencies = ["alpha"]\n[dependency-groups]\ndev = ["gamma"]\nbad = ["beta>9"]\n',
        "project/pyproject.toml",
    )
    grouped = read(project, options)
    assert {one.name: set(one.groups) for one in grouped.components} == {
        "alpha": {"production"}, "beta": {"production"}, "gamma": {"production", "dev"},
    }  # fmt: skip
    assert any("beta>9 is not pinned" in gap.why for gap in grouped.gaps)


@pytest.mark.slow
def test_what_would_have_to_be_built_or_fetched_is_left_out_and_told(tmp_path: Path, uv: Path) -> None:
    house, options = tmp_path / "wheels", ReadOptions(uv=str(uv))
    # What has no wheel would have to be built: it is left out, told, and the rest is resolved.
    with tarfile.open(house / "sourceonly-1.0.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("sourceonly-1.0/PKG-INFO")
        body = b"Metadata-Version: 2.1\nName: sourceonly\nVersion: 1.0\n"
        member.size = len(body)
        archive.addfile(member, io.BytesIO(body))
        member = tarfile.TarInfo("sourceonly-1.0/setup.py")
        body = f"open({str(tmp_path / 'was-built')!r}, 'w')".encode()
        member.size = len(body)
        archive.addfile(member, io.BytesIO(body))
    partly = read(written(tmp_path, "beta\nsourceonly\nhttps://example.org/e-1.2-py3-none-any.whl\n"), options)
    assert [(one.name, one.version) for one in partly.components] == [("beta", "2.0"), ("gamma", "3.0"), ("e", "1.2")]
    assert ["sourceonly has no wheel" in gap.why or "e-1.2" in gap.why for gap in partly.gaps] == [True, True]
    assert partly.gaps[0].where.endswith("requirements.txt:2")
    assert not (tmp_path / "was-built").exists()
    secret = read(written(tmp_path, "-i https://${TOKEN}@index.example/simple\nbeta\n"), options)
    assert secret.components == ()
    assert "holds a variable" in secret.gaps[0].why
    local = read(written(tmp_path, f"--no-index\n--find-links {house.name}\nbeta\n"), ReadOptions(uv=str(UV)))
    assert [one.name for one in local.components] == ["beta", "gamma"]


@pytest.mark.slow
def test_settings_of_an_audited_project_write_nothing_and_hide_nothing(
    tmp_path: Path, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # uv would write what it resolves over a file of the user, and say nothing.
    monkeypatch.setenv("UV_OFFLINE", "1")
    uv.unlink()
    victim, cache = tmp_path / "victim.txt", tmp_path / "cache"
    victim.write_text("mine")
    project = tmp_path / "project"
    written(
        tmp_path,
        f"""[project]
name = "p"
dependencies = ["alpha"]
[tool.uv]
cache-dir = "{cache}"
no-index = true
override-dependencies = ["beta==1.0"]
[tool.uv.pip]
output-file = "{victim}"
quiet = 3
find-links = ["../wheels"]
""",
        "project/pyproject.toml",
    )
    subject = read(project / "pyproject.toml", ReadOptions(uv=str(UV)))
    assert victim.read_text() == "mine"
    assert not cache.exists()
    # Where it resolves is the project's to say, in folders below too.
    assert [(one.name, one.version) for one in subject.components] == [("alpha", "1.0"), ("beta", "1.0")]
    below = written(tmp_path, "beta<2\n", "project/deep/requirements.txt")
    assert [one.version for one in read(below, ReadOptions(uv=str(UV))).components] == ["1.0"]
    # Settings that nobody can read are no reason to ask another index.
    written(tmp_path, "no-index = [", "project/deep/uv.toml")
    assert "settings of uv cannot be read" in read(below, ReadOptions(uv=str(UV))).gaps[0].why
    # What uv was told to leave out is told.
    written(
        tmp_path,
        'no-index = true\nfind-links = ["../../wheels"]\nexclude-dependencies = ["beta"]',
        "project/deep/uv.toml",
    )
    assert "is not in what uv has resolved" in read(below, ReadOptions(uv=str(UV))).gaps[0].why


@given(st.text(alphabet=st.sampled_from("ab=<>;@#\\\n \t-r[]!~'\"$({})./:"), max_size=200))
def test_any_text_is_read_line_by_line(text: str) -> None:
    for one in read_lines(text):
        assert isinstance(one, Wanted | Option | Fault)
        assert 1 <= one.line <= text.count("\n") + 1


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    list(read_lines(text))


@pytest.mark.parametrize(
    "text",
    [
        "six==1.16.0\n" * 40_000,
        " " * 1_000_000,
        "\\\n" * 500_000,
        "#" * 1_000_000,
        "a" * 2_000_000,
        "a " * 500_000 + "\\\n" * 3,
        "a==1 --hash=" * 80_000,
        "-r " * 300_000,
        "a # via " * 100_000,
        " # #" * 200_000,
    ],
)
def test_hostile_files_take_no_longer_than_their_length(text: str) -> None:
    start = time.process_time()
    count = sum(1 for _ in read_lines(text))
    assert count <= 1_000_000
    assert time.process_time() - start < 6


def test_too_many_requirements_are_told_and_the_rest_is_audited(tmp_path: Path) -> None:
    path = written(tmp_path, "a==1\n" * 30_000)
    subject = read(path)
    assert len(subject.components) == 20_000
    assert "more than 20000 requirements" in subject.gaps[0].why
