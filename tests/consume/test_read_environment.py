"""Environments are read from their metadata: what is there, who brought it in, which Python it is; nothing is run."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.formats.inventory.installed import libraries_of, read_installed, read_requires_txt
from customhouse.formats.inventory.model import Component, Edge, Subject
from customhouse.formats.inventory.requirement import split_requirement
from customhouse.terms.errors import Rejected
from installing import install, patchlevel, site_of, venv


def read(target: Path, options: ReadOptions = ReadOptions()) -> Subject:  # noqa: B008
    (subject,) = read_target(target, options)
    return subject


def by_name(subject: Subject) -> dict[str, Component]:
    return {one.name: one for one in subject.components}


def test_a_venv_is_read_with_who_brought_what_in(tmp_path: Path) -> None:
    site = venv(tmp_path / "env", "3.12.4")
    install(site, "Flask", "3.0.0", "Werkzeug>=3.0", 'asgiref>=3; extra == "async"', requested=True)
    install(site, "Werkzeug", "3.0.1", "MarkupSafe>=2.1.1")
    install(site, "MarkupSafe", "2.1.5")
    subject = read(tmp_path / "env")
    found = by_name(subject)
    assert (subject.kind, subject.interpreter, subject.gaps) == ("environment", "3.12.4", ())
    assert "CPython 3.12.4" in subject.title
    assert {name: one.direct for name, one in found.items()} == {"flask": True, "werkzeug": False, "markupsafe": False}
    assert found["flask"].requires == (Edge("werkzeug", ">=3.0"),)
    assert found["flask"].where.endswith("Flask-3.0.0.dist-info")


def test_markers_are_evaluated_for_the_python_that_is_read_and_not_for_ours(tmp_path: Path) -> None:
    site = venv(tmp_path / "env", "3.8.18")
    install(site, "a", "1", 'old; python_version < "3.9"', 'new; python_version >= "3.9"', 'odd; no_such_thing == "1"')
    (one,) = read(tmp_path / "env").components
    # What is no marker holds: leaving it out would hide an edge.
    assert [edge.requires for edge in one.requires] == ["old", "odd"]


def test_extras_count_where_somebody_asks_for_them_and_explain_what_nobody_asked_for(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    install(site, "server", "1", "uvicorn[standard]", requested=True)
    install(site, "uvicorn", "1", "h11", 'httptools; extra == "standard"', 'odd; extra == "other"')
    install(site, "h11", "1")
    install(site, "httptools", "1")
    install(site, "client", "1", 'h2; extra == "http2"', requested=True)
    install(site, "h2", "4")
    found = by_name(read(tmp_path / "env"))
    assert [edge.requires for edge in found["uvicorn"].requires] == ["h11", "httptools"]
    # `pip install "client[http2]"` notes no extras, and h2 was not asked for by name.
    assert [edge.requires for edge in found["client"].requires] == ["h2"]
    assert [name for name, one in found.items() if one.direct] == ["client", "server"]


def test_where_every_package_was_asked_for_the_graph_tells_who_was(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    install(site, "app", "1", "lib", requested=True)
    install(site, "lib", "1", requested=True)
    assert {one.name: one.direct for one in read(tmp_path / "env").components} == {"app": True, "lib": False}


def test_a_circle_that_nobody_asked_for_still_has_a_beginning(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    install(site, "a", "1", "b")
    install(site, "b", "1", "a")
    install(site, "own", "1", "own")
    assert [one.name for one in read(tmp_path / "env").components if one.direct] == ["a", "own"]


def test_editable_and_direct_installations_say_where_they_come_from(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    install(site, "mine", "0.1", url={"url": "file:///home/me/mine", "dir_info": {"editable": True}})
    install(site, "theirs", "0.2", url={"url": "https://example.org/theirs.git", "vcs_info": {"vcs": "git"}})
    (site / "broken-1.dist-info").mkdir()
    (site / "broken-1.dist-info/METADATA").write_text("Name: broken\nVersion: 1\n\n")
    (site / "broken-1.dist-info/direct_url.json").write_text("{")
    found = by_name(read(tmp_path / "env"))
    assert found["mine"].where.endswith("(editable file:///home/me/mine)")
    assert found["theirs"].where.endswith("(from https://example.org/theirs.git)")
    assert "cannot be read" in found["broken"].where


def test_eggs_of_every_age_are_read(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    (site / "old-1.0-py3.12.egg-info").write_text("Metadata-Version: 1.0\nName: old\nVersion: 1.0\n")
    folder = site / "older-2.0-py3.12.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text("Name: older\nVersion: 2.0\n")
    (folder / "requires.txt").write_text('old>=1\n\n[tls]\ncryptography\n\n[:python_version < "3"]\nfutures\n')
    egg = site / "oldest-3.0-py3.12.egg/EGG-INFO"
    egg.mkdir(parents=True)
    (egg / "PKG-INFO").write_text("Name: oldest\nVersion: 3.0\n")
    project = tmp_path / "project"
    (project / "mine.egg-info").mkdir(parents=True)
    (project / "mine.egg-info/PKG-INFO").write_text("Name: mine\nVersion: 0.3\n")
    (site / "mine.egg-link").write_text(f"{project}\n.\n")
    (site / "gone.egg-link").write_text("/no/such/folder\n.\n")
    subject = read(tmp_path / "env")
    found = by_name(subject)
    assert {name: one.version for name, one in found.items()} == {
        "old": "1.0",
        "older": "2.0",
        "oldest": "3.0",
        "mine": "0.3",
    }
    assert found["older"].requires == (Edge("old", ">=1"),)
    assert "editable" in found["mine"].where
    assert ["no metadata there" in gap.why for gap in subject.gaps] == [True]


def test_damage_is_told_with_its_place_and_never_hides_the_rest(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    install(site, "good", "1")
    install(site, "twice", "1.0")
    install(site, "twice", "2.0")
    install(site, "named-by-folder", "3.0", metadata="nothing of use")
    (site / "nothing.dist-info").mkdir()
    (site / "~eft-1.0.dist-info").mkdir()
    os.mkfifo(site / "pipe-1.0.egg-info")
    subject = read(tmp_path / "env")
    assert sorted((one.name, one.version) for one in subject.components) == [
        ("good", "1"), ("named-by-folder", "3.0"), ("pipe", "1.0"), ("twice", "1.0"), ("twice", "2.0"),
    ]  # fmt: skip
    assert "the folder's name is believed" in by_name(subject)["named-by-folder"].where
    whys = [gap.why for gap in subject.gaps]
    assert len(whys) == 3
    assert any("twice, as 1.0 and as 2.0" in why for why in whys)
    assert any("no name or no version" in why for why in whys)
    assert any("broken off" in why for why in whys)
    assert all(gap.next_step for gap in subject.gaps)


def test_native_libraries_of_packages_are_listed_and_bundled_ones_named(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    record = (
        "PIL/_imaging.cpython-312-x86_64-linux-gnu.so,sha256=x,1\nPIL/Image.py,sha256=x,1\n"
        "pillow.libs/libwebp-850e2bec.so.7.1.7,sha256=x,1\n"
    )
    install(site, "pillow", "10.0.0", record=record)
    subject = read(tmp_path / "env")
    (pillow,) = subject.components
    assert [path.rpartition("/")[2] for path in pillow.files] == [
        "_imaging.cpython-312-x86_64-linux-gnu.so", "libwebp-850e2bec.so.7.1.7",
    ]  # fmt: skip
    # By the name alone: the suffix 7.1.7 is libwebp 1.3.1.
    assert [(one.name, one.version, one.bundled_by) for one in subject.libraries] == [("libwebp", "1.3.1", "pillow")]
    assert read(tmp_path / "env", ReadOptions(bundled="never")).libraries == ()
    by_bytes = read(tmp_path / "env", ReadOptions(bundled="bytes"))
    assert any("cannot be read" in gap.why for gap in by_bytes.gaps)


def test_the_exact_python_is_told_by_the_cfg_or_the_headers_and_else_a_gap(tmp_path: Path) -> None:
    base = tmp_path / "base"
    patchlevel(base, "3.12.9")
    site_of(base)
    (base / "bin").mkdir()
    # The base was exchanged after the venv was made: its header counts.
    venv(tmp_path / "renewed", "3.12.4", home=base / "bin")
    assert read(tmp_path / "renewed").interpreter == "3.12.9"
    venv(tmp_path / "uv", "3.12.4", version_info="3.12.7.final.0")
    assert read(tmp_path / "uv").interpreter == "3.12.7"
    venv(tmp_path / "rc", "3.13.0", version_info="3.13.0.candidate.2")
    assert read(tmp_path / "rc").interpreter == "3.13.0rc2"
    venv(tmp_path / "pypy", "3.10.14", implementation="PyPy")
    pypy = read(tmp_path / "pypy")
    assert pypy.interpreter == ""
    assert any("interpreter is not checked" in gap.why for gap in pypy.gaps)
    install(site_of(tmp_path / "plain", "3.11"), "a", "1")
    plain = read(tmp_path / "plain")
    assert plain.interpreter == ""
    assert ["3.11" in gap.why for gap in plain.gaps] == [True]


def test_system_packages_are_part_of_a_venv_that_includes_them(tmp_path: Path) -> None:
    base = tmp_path / "base"
    install(site_of(base), "shared", "1")
    (base / "bin").mkdir()
    site = venv(tmp_path / "env", home=base / "bin", include_system_site_packages="true")
    install(site, "own", "1", "shared")
    assert {one.name: one.direct for one in read(tmp_path / "env").components} == {"own": True, "shared": False}


def test_a_folder_of_packages_alone_is_enough(tmp_path: Path) -> None:
    install(tmp_path / "vendor", "a", "1")
    assert [one.name for one in read(tmp_path / "vendor").components] == ["a"]
    site = venv(tmp_path / "env", "3.11.2")
    install(site, "b", "1")
    assert read(site).interpreter == "3.11.2"


def test_debians_packages_say_whose_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/python3/dist-packages"
    info = install(folder, "requests", "2.28.1")
    (info / "INSTALLER").write_text("debian\n")
    (tmp_path / "usr/lib/python3.11/dist-packages").mkdir(parents=True)
    (one,) = read(tmp_path / "usr").components
    assert "may have mended it" in one.where


def test_the_python_of_an_environment_stands_for_it_and_is_not_run(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    install(site, "a", "1")
    python = tmp_path / "env/bin/python"
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    python.chmod(0o755)
    assert [one.name for one in read(python).components] == ["a"]
    assert not (tmp_path / "was-run").exists()
    lonely = tmp_path / "python3.12"
    lonely.write_text("")
    with pytest.raises(Rejected, match="no packages lie beside"):
        read(lonely)


def test_places_in_the_running_environment_are_paths() -> None:
    (subject,) = read_target("environment")
    assert subject.components
    assert not any(one.where.startswith("//") for one in subject.components)


def test_the_running_environment_is_ours_and_agrees_with_importlib() -> None:
    from importlib import metadata  # noqa: PLC0415

    (subject,) = read_target("environment")
    assert subject.interpreter == platform.python_version()
    ours = {(one.name, one.version) for one in subject.components}
    theirs = {
        (one.metadata["Name"].lower().replace("_", "-").replace(".", "-"), one.version)
        for one in metadata.distributions()
    }
    assert ours == theirs
    (interpreter,) = read_target("interpreter")
    assert (interpreter.kind, interpreter.interpreter, interpreter.components) == (
        "interpreter",
        platform.python_version(),
        (),
    )


@pytest.mark.slow
def test_an_environment_that_uv_makes_is_read_as_uv_lists_it(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, tmp_path / "env"], check=True)
    subject = read(tmp_path / "env")
    assert (subject.components, subject.interpreter, subject.gaps) == ((), platform.python_version(), ())


def test_two_hundred_and_fifty_packages_take_less_than_the_eye_notices(tmp_path: Path) -> None:
    site = venv(tmp_path / "env")
    body = "\n" + "A long description. " * 2000
    for number in range(250):
        requires = [f"package-{other}>=1" for other in range(number + 1, min(number + 6, 250))]
        requires += [f'package-{other}; extra == "x{other}"' for other in range(20)]
        requires += ['tomli; python_version < "3.11"']
        info = install(
            site,
            f"package-{number}",
            f"1.{number}",
            *requires,
            record="".join(f"package_{number}/m{i}.py,sha256=x,1\n" for i in range(60)),
        )
        with (info / "METADATA").open("a") as file:
            file.write(body)
    read(tmp_path / "env")
    took = []
    for _ in range(3):
        start = time.process_time()
        subject = read(tmp_path / "env")
        took.append(time.process_time() - start)
    assert len(subject.components) == 250
    assert min(took) < 0.15


@given(st.text(max_size=200))
def test_any_text_is_a_requirement_or_none(text: str) -> None:
    found = split_requirement(text)
    assert found is None or found.name
    read_requires_txt(text)


@given(st.binary(max_size=500))
def test_any_bytes_are_metadata_of_some_kind(raw: bytes) -> None:
    read_installed(raw)
    libraries_of(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"Name: a\nVersion: 1\n" + b"Requires-Dist: b\n" * 100_000,
        b"Name: " + b"a-" * 400_000,
        b"Requires-Dist: " + b"[" * 500_000,
        b"Requires-Dist: a " + b" " * 500_000 + b"!",
        b"\0" * 1_000_000,
        b"Name: a" + b" " * 900_000 + b"\nVersion: 1\n",
    ],
)
def test_hostile_metadata_takes_no_longer_than_its_length(raw: bytes) -> None:
    start = time.process_time()
    read_installed(raw)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "raw", [b".libs/" * 200_000, b".dist-info/sboms/" * 100_000, b".so.1" * 200_000, b"a" * 1_000_000, b'"' * 500_000]
)
def test_a_hostile_record_takes_no_longer_than_its_length(raw: bytes) -> None:
    start = time.process_time()
    assert len(libraries_of(raw)) <= 5000
    assert time.process_time() - start < 2


def test_whoever_has_activated_another_environment_is_told_which_one_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv(tmp_path / "active")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "active"))
    (subject,) = read_target("environment")
    assert f"not the active one, which is audited by its path: {tmp_path}/active" in subject.title
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    (subject,) = read_target("")
    assert "not the active one" not in subject.title
