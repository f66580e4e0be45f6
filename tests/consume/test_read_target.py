"""What a target is: the file that wins in a folder and why, projects, wheels and sdists, folders of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.formats.inventory.file_version import name_and_version_in
from customhouse.formats.inventory.model import Edge, Subject
from customhouse.formats.inventory.pyproject import read_pyproject
from customhouse.terms.errors import Rejected
from installing import install, site_of, venv
from packages import sdist, wheel

LOCKS = Path(__file__).parents[1] / "data/locks"
OFFLINE = ReadOptions(offline=True)


def read(path: Path, options: ReadOptions = OFFLINE) -> Subject:
    (subject,) = read_target(path, options)
    return subject


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_of_a_projects_files_the_one_that_says_most_wins_and_says_why(tmp_path: Path) -> None:
    for name in ("uv.lock", "pylock.toml", "requirements.txt", "pyproject.toml"):
        shutil.copy(LOCKS / "uv" / name, tmp_path)
    for name in ("poetry.lock",):
        shutil.copy(LOCKS / "poetry-2" / name, tmp_path)
    shutil.copy(LOCKS / "pipenv/Pipfile.lock", tmp_path)
    written(tmp_path, "pdm.lock", "")
    told = []
    for name in ("uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock"):
        subject = read(tmp_path)
        told.append((name, subject.kind, subject.title.partition(" (")[2]))
        (tmp_path / name).unlink()
    assert [kind for _, kind, _ in told] == ["uv-lock", "pylock", "poetry-lock", "pipfile-lock"]
    assert (
        told[0][2]
        == "a lock says most; passed over: pylock.toml, poetry.lock, Pipfile.lock, pdm.lock, requirements.txt)"
    )
    plain = read(tmp_path)
    assert plain.kind == "requirements"
    assert "(there is no lock; passed over: pdm.lock, pyproject.toml)" in plain.title
    (tmp_path / "requirements.txt").unlink()
    project = read(tmp_path)
    assert project.kind == "pyproject"
    assert "there is no lock and no requirements file; passed over: pdm.lock" in project.title
    (tmp_path / "pyproject.toml").unlink()
    with pytest.raises(Rejected, match=r"this kind of lock is not read.*pdm export"):
        read(tmp_path)


def test_named_pylocks_and_several_requirements_are_all_audited(tmp_path: Path) -> None:
    for name in ("pylock.dev.toml", "pylock.web.toml"):
        written(tmp_path, name, 'lock-version = "1.0"\n')
    assert [one.kind for one in read_target(tmp_path, OFFLINE)] == ["pylock", "pylock"]
    other = tmp_path / "other"
    written(other, "requirements/base.txt", "six==1.16.0\n")
    written(other, "requirements-dev.txt", "idna==3.6\n")
    written(other, "notes.txt", "idna==3.7\n")
    assert sorted(one.components[0].name for one in read_target(other, OFFLINE)) == ["idna", "six"]


def test_folders_are_told_apart_by_what_lies_in_them(tmp_path: Path) -> None:
    install(venv(tmp_path / "venv"), "a", "1")
    written(tmp_path / "venv", "requirements.txt", "b==1\n")
    assert read(tmp_path / "venv").components[0].name == "a"
    install(tmp_path / "vendor", "c", "1")
    assert read(tmp_path / "vendor").components[0].name == "c"
    install(site_of(tmp_path / "prefix"), "d", "1")
    assert read(tmp_path / "prefix").components[0].name == "d"
    (tmp_path / "empty").mkdir()
    with pytest.raises(Rejected, match="nothing in this folder"):
        read(tmp_path / "empty")


@pytest.mark.parametrize("target", ["/no/such/file", "https://example.org/x", "a\0b", "x" * 5000])
def test_what_is_nothing_is_refused_with_what_would_be_accepted(target: str) -> None:
    with pytest.raises(Rejected, match="Accepted: environment, interpreter"):
        read_target(target, OFFLINE)


def test_the_lock_of_a_script_is_uvs_and_that_of_another_language_is_refused(tmp_path: Path) -> None:
    body = 'version = 1\n[manifest]\nrequirements = [{ name = "a" }]\n[[package]]\nname = "a"\nversion = "1"\n'
    assert read(written(tmp_path, "tool.py.lock", body)).kind == "uv-lock"
    with pytest.raises(Rejected, match="neither its name nor its content"):
        read(written(tmp_path, "Cargo.lock", body))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://x.example/a/Foo_Bar-1.2-py3-none-any.whl#sha256=0", ("foo-bar", "1.2")),
        ("torch-2.1%2Bcu118-cp311-cp311-linux_x86_64.whl", ("torch", "2.1+cu118")),
        ("a-1.0-1build-py3-none-any.whl", ("a", "1.0")),
        ("my-pkg-1.0rc1.tar.gz?x=1", ("my-pkg", "1.0rc1")),
        ("pkg.zip", None),
        ("https://x.example/archive/refs/heads/main.zip", None),
        ("", None),
    ],
)
def test_the_name_of_a_file_tells_its_version(address: str, told: tuple[str, str] | None) -> None:
    assert name_and_version_in(address) == told


@given(st.text(max_size=100))
def test_any_address_tells_something_or_nothing(address: str) -> None:
    name_and_version_in(address + ".whl")
    name_and_version_in(address + ".tar.gz")


def test_a_project_is_read_by_the_lock_beside_it(tmp_path: Path) -> None:
    shutil.copy(LOCKS / "uv/pyproject.toml", tmp_path)
    shutil.copy(LOCKS / "uv/uv.lock", tmp_path)
    subject = read(tmp_path / "pyproject.toml")
    assert (subject.kind, subject.title) == ("uv-lock", f"{tmp_path}/uv.lock, the lock beside pyproject.toml")


def test_a_project_without_a_lock_tells_groups_and_what_nobody_can_know(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "pyproject.toml",
        """
[project]
name = "Har.Bour"
dynamic = ["optional-dependencies"]
dependencies = ["six==1.16.0", "har-bour[web]", "???", 7]
[dependency-groups]
dev = ["idna==3.6", {include-group = "Lint"}, {include-group = "gone"}, {set-phasers = "stun"}]
lint = ["ruff==0.1.0", {include-group = "dev"}]
[tool.uv]
dev-dependencies = ["certifi==2024.2.2"]
[tool.poetry.dependencies]
python = "^3.9"
requests = "^2.31"
""",
    )
    subject = read(path)
    assert {one.name: set(one.groups) for one in subject.components} == {
        "six": {"production"}, "idna": {"dev", "lint"}, "ruff": {"dev", "lint"}, "certifi": {"dev"},
    }  # fmt: skip
    assert all(one.direct for one in subject.components)
    whys = " | ".join(gap.why for gap in subject.gaps)
    for part in (
        "it is dynamic",
        "in a circle: dev → lint → dev",
        "'gone', which is not there",
        "stun",
        "'???' is no requirement",
        "7 is no requirement",
        "Poetry's own words",
    ):
        assert part in whys
    assert subject.components[0].where.endswith("pyproject.toml: project.dependencies")


def test_groups_that_include_each_other_crosswise_are_read_in_no_time() -> None:
    lines = [f'g{n} = [{{include-group = "g{n + 1}"}}, {{include-group = "g{n + 1}"}}, "p{n}==1"]' for n in range(40)]
    body = "[dependency-groups]\n" + "\n".join(lines) + '\ng40 = ["last==1"]\n'
    project = read_pyproject(body, "pyproject.toml")
    assert sum(one.group == "g0" for one in project.asked) == 41
    assert project.gaps == ()


def test_a_wheel_is_one_component_with_edges_hash_and_libraries(tmp_path: Path) -> None:
    dist = wheel("Demo.Pkg", "1.0", headers={"Requires-Dist": "flask>=3"})
    path = tmp_path / dist.filename
    path.write_bytes(dist.body)
    subject = read(path)
    (one,) = subject.components
    assert (subject.kind, one.name, one.version, one.direct) == ("wheel", "demo-pkg", "1.0", True)
    assert one.requires == (Edge("flask", ">=3"),)
    assert one.hashes == {f"sha256:{dist.sha256}"}
    assert "without the 1 projects that it requires" in subject.title
    asked = read(path, ReadOptions(offline=True, resolve="always"))
    assert ["flask>=3 is not pinned" in gap.why for gap in asked.gaps] == [True]


def test_libraries_in_a_wheel_are_found_by_their_bytes(tmp_path: Path) -> None:
    # The start of an ELF file, and the words that OpenSSL writes into itself.
    elf = b"\x7fELF\x02\x01\x01" + bytes(57) + b"\0OpenSSL 1.1.1k  25 Mar 2021\0" + bytes(100)
    dist = wheel(
        "demo",
        "1.0",
        tag="cp311-cp311-manylinux_2_17_x86_64",
        files={"demo/__init__.py": b"", "demo.libs/libcrypto-0123abcd.so.1.1": elf},
    )
    path = tmp_path / dist.filename
    path.write_bytes(dist.body)
    subject = read(path)
    assert [(one.name, one.version, one.bundled_by) for one in subject.libraries] == [("openssl", "1.1.1k", "demo")]
    assert subject.components[0].files == ("demo.libs/libcrypto-0123abcd.so.1.1",)


def test_an_sdist_and_a_folder_of_files_are_read_and_damage_is_told(tmp_path: Path) -> None:
    one, two = sdist("alpha", "2.0"), wheel("beta", "1.0", headers={"Requires-Dist": "alpha"})
    house = tmp_path / "dist"
    house.mkdir()
    (house / one.filename).write_bytes(one.body)
    (house / two.filename).write_bytes(two.body)
    (house / "gamma-3.0-py3-none-any.whl").write_bytes(two.body[: len(two.body) // 2])
    (house / "README").write_text("no file of ours")
    assert read(house / one.filename).kind == "sdist"
    subject = read(house)
    assert subject.kind == "folder"
    assert [(found.name, found.version, found.direct) for found in subject.components] == [
        ("alpha", "2.0", False), ("beta", "1.0", True), ("gamma", "3.0", True),
    ]  # fmt: skip
    assert ["the strict reader refuses it" in gap.why for gap in subject.gaps] == [True]
    broken = house / "what.whl"
    broken.write_bytes(b"no zip")
    with pytest.raises(Rejected, match="strict reader"):
        read(broken)


def test_reading_is_offline_and_loads_no_database_and_no_network() -> None:
    code = (
        "import sys; from customhouse.consume.audit.read.detect import read_target; "
        f"read_target({str(LOCKS / 'uv/uv.lock')!r}); "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'sqlalchemy', 'starlette', 'httpx2', 'ssl', 'subprocess', 'packaging', 'hypothesis'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(st.text(max_size=200))
@settings(max_examples=50)
def test_any_text_is_a_project_or_refused(text: str) -> None:
    try:
        read_pyproject(text, "pyproject.toml")
    except Rejected as error:
        assert error.accepted  # noqa: PT017  # either is right
