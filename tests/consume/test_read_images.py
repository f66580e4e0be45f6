"""File systems and images: every Python in them, whatever links, whiteouts and damaged layers say."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.consume.audit.read import unpacked
from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.layered_tree import LayeredTree
from customhouse.formats.inventory.layer_tar import members_of, plain_path
from customhouse.formats.inventory.model import Subject
from customhouse.terms.errors import Rejected
from installing import install, patchlevel, site_of, venv

METADATA = "usr/local/lib/python3.12/site-packages/{name}-{version}.dist-info/METADATA"
HEADER = {"usr/local/include/python3.12/patchlevel.h": b'#define PY_VERSION "3.12.4"\n'}


def package(name: str, version: str, *requires: str) -> dict[str, bytes]:
    lines = "".join(f"Requires-Dist: {one}\n" for one in requires)
    return {METADATA.format(name=name, version=version): f"Name: {name}\nVersion: {version}\n{lines}\n".encode()}


def layer(files: dict[str, bytes | None], links: dict[str, str] | None = None, **how: object) -> bytes:
    """A tar; None makes a folder."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w", format=how.get("format", tarfile.PAX_FORMAT)) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            if data is None:
                member.type = tarfile.DIRTYPE
                archive.addfile(member)
            else:
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return body.getvalue()


def docker(path: Path, *layers: bytes, tag: str = "app:1") -> Path:
    """What `docker save` writes."""
    names = [f"{hashlib.sha256(one).hexdigest()}/layer.tar" for one in layers]
    manifest = [{"Config": "c.json", "RepoTags": [tag], "Layers": names}]
    files: dict[str, bytes | None] = dict(zip(names, layers, strict=True))
    path.write_bytes(layer({**files, "manifest.json": json.dumps(manifest).encode()}))
    return path


def oci_files(*layers: bytes) -> dict[str, bytes | None]:
    """What an OCI layout holds, with an index in an index and an attestation beside the image."""
    blobs: dict[str, bytes | None] = {}

    def blob(body: bytes) -> str:
        digest = hashlib.sha256(body).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = body
        return f"sha256:{digest}"

    manifest = blob(json.dumps({"layers": [{"digest": blob(one)} for one in layers]}).encode())
    inner = {"manifests": [
        {"digest": manifest, "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": manifest, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
    ]}  # fmt: skip
    index = {"manifests": [{"digest": blob(json.dumps(inner).encode())}, {"digest": "sha256:../../x"}, 7]}
    return {**blobs, "oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode()}


def read(path: Path) -> Subject:
    (subject,) = read_target(path)
    return subject


def pins(subject: Subject) -> list[tuple[str, str]]:
    return [(one.name, one.version) for one in subject.components]


def test_every_python_of_a_file_system_is_a_subject_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("etc", "bin", "usr/bin"):
        (root / name).mkdir(parents=True)
    install(site_of(root / "usr/local"), "base", "1", "dep")
    install(site_of(root / "usr/local"), "dep", "2")
    patchlevel(root / "usr/local", "3.12.4")
    install(root / "usr/lib/python3/dist-packages", "system", "3")
    (root / "usr/lib/python3.11/dist-packages").mkdir(parents=True)
    install(venv(root / "opt/app/.venv", "3.12.1", home=Path("/usr/local/bin")), "app", "4")
    install(root / "opt/layer/python", "lambda", "5")
    subjects = {one.title: one for one in read_target(root)}
    told = {title.removeprefix(f"{root}: "): (one.kind, pins(one), one.interpreter) for title, one in subjects.items()}
    assert told == {
        "/usr": ("container", [("system", "3")], ""),
        "/usr/local (CPython 3.12.4)": ("container", [("base", "1"), ("dep", "2")], "3.12.4"),
        # The header of the base says what a venv really runs on.
        "/opt/app/.venv (CPython 3.12.4)": ("container", [("app", "4")], "3.12.4"),
        "/opt/layer/python": ("container", [("lambda", "5")], ""),
    }
    assert [gap.why.startswith("nothing tells the exact release") for one in subjects.values() for gap in one.gaps] == [
        True
    ]


def test_links_of_a_file_system_never_lead_out_of_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    install(outside, "secret", "1")
    (outside / "METADATA").write_text("Name: secret\nVersion: 2\n\n")
    root = tmp_path / "root"
    site = site_of(root / "usr")
    (root / "etc").mkdir()
    install(site, "good", "1")
    (root / "usr/lib/python3.11").symlink_to(outside)
    info = site / "linked-1.dist-info"
    info.mkdir()
    (info / "METADATA").symlink_to(outside / "METADATA")
    (site / "up-1.egg-link").write_text("/../../outside\n")
    (root / "loop").symlink_to(root)
    found = [pin for one in read_target(root) for pin in pins(one)]
    assert found == [("good", "1"), ("linked", "1")]


def test_layers_are_laid_on_each_other_with_whiteouts_and_opaque_folders(tmp_path: Path) -> None:
    site = "usr/local/lib/python3.12/site-packages"
    below = {
        **HEADER,
        **package("kept", "1"),
        **package("gone", "1"),
        **package("renewed", "1"),
        "opt/x/old-1.dist-info/METADATA": b"Name: old\nVersion: 1\n\n",
    }
    above: dict[str, bytes | None] = {
        f"{site}/.wh.gone-1.dist-info": b"", f"{site}/.wh.renewed-1.dist-info": b"", **package("renewed", "2"),
        "opt/x/.wh..wh..opq": b"", "opt/x/new-2.dist-info/METADATA": b"Name: new\nVersion: 2\n\n",
    }  # fmt: skip
    image = docker(tmp_path / "image.tar", layer(dict(below)), layer(above))
    first, second = read_target(image)
    assert pins(first) == [("kept", "1"), ("renewed", "2")]
    assert first.interpreter == "3.12.4"
    assert "image.tar (app:1): /usr/local" in first.title
    assert pins(second) == [("new", "2")]
    # A whiteout counts for lower layers, wherever in its own layer it stands.
    late = {**package("renewed", "2"), f"{site}/.wh.renewed-2.dist-info": b"", f"{site}/.wh..wh..opq": b""}
    assert pins(read(docker(tmp_path / "late.tar", layer(dict(package("renewed", "2"))), layer(dict(late))))) == [
        ("renewed", "2")
    ]


def test_empty_files_of_a_lower_layer_do_not_survive_by_being_equal() -> None:
    info = "usr/local/lib/python3.12/site-packages/a-1.dist-info"
    below = {**package("a", "1"), f"{info}/REQUESTED": b""}
    above: dict[str, bytes | None] = {f"{info}/INSTALLER": b"", f"{info}/.wh.REQUESTED": b""}
    tree = LayeredTree("x")
    tree.add(io.BytesIO(layer(dict(below))))
    tree.add(io.BytesIO(layer(above)))
    assert tree.names(info) == ("INSTALLER", "METADATA")


def test_oci_layouts_are_read_as_tar_folder_and_compressed(tmp_path: Path) -> None:
    packed = gzip.compress(layer({**HEADER, **package("app", "1", "dep"), **package("dep", "2")}))
    files = oci_files(packed)
    (tmp_path / "image.tar").write_bytes(layer(files))
    (tmp_path / "image-1.0.tar.gz").write_bytes(gzip.compress(layer(files)))
    for name, body in files.items():
        path = tmp_path / "layout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body or b"")
    for name in ("image.tar", "image-1.0.tar.gz", "layout"):
        subject = read(tmp_path / name)
        assert (pins(subject), subject.gaps) == ([("app", "1"), ("dep", "2")], ())
        assert [one.direct for one in subject.components] == [True, False]
        assert "(linux arm64)" in subject.title


def test_a_layer_by_another_kind_of_digest_is_read_or_missed_with_a_word(tmp_path: Path) -> None:
    body = layer(dict(package("demo", "1")))
    digest = hashlib.sha512(body).hexdigest()
    for blobs, found in (({f"blobs/sha512/{digest}": body}, [("demo", "1")]), ({}, [])):
        manifest = json.dumps({"layers": [{"digest": f"sha512:{digest}"}]}).encode()
        own = hashlib.sha256(manifest).hexdigest()
        index = json.dumps({"manifests": [{"digest": f"sha256:{own}"}]}).encode()
        path = tmp_path / "image.tar"
        path.write_bytes(layer({**blobs, f"blobs/sha256/{own}": manifest, "oci-layout": b"{}", "index.json": index}))
        subject = read(path)
        assert pins(subject) == found
        assert any(gap.why == "the layer is not there" for gap in subject.gaps) == (not found)


def test_links_inside_of_an_image_are_followed_and_end_inside(tmp_path: Path) -> None:
    files: dict[str, bytes | None] = {
        **package("a", "1"),
        "opt/real/b-2.dist-info/METADATA": b"Name: b\nVersion: 2\n\n",
    }
    links = {
        "usr/local/lib64": "lib", "opt/alias": "../../../opt/real", "loop": "loop",
        "usr/local/lib/python3.12/site-packages/c-3.dist-info/METADATA": "../../../../../../../../etc/passwd",
    }  # fmt: skip
    upper: dict[str, bytes | None] = {"opt/alias/d-4.dist-info/METADATA": b"Name: d\nVersion: 4\n\n"}
    subjects = read_target(docker(tmp_path / "image.tar", layer(files, links), layer(upper)))
    assert [pins(one) for one in subjects] == [[("a", "1"), ("c", "3")], [("b", "2"), ("d", "4")]]


def test_a_damaged_layer_is_a_gap_and_the_rest_is_audited(tmp_path: Path) -> None:
    good = layer(dict(package("good", "1")))
    cut = good[:700]
    flipped = bytearray(good)
    flipped[3] ^= 1
    for bad, why in (
        (cut, "ends inside"),
        (bytes(flipped), "checksum"),
        (b"\x1f\x8b" + b"x" * 600, "cannot be unpacked"),
        (gzip.compress(good)[:-40], "cannot be unpacked"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 600, "zstd"),
    ):
        subject = read(docker(tmp_path / "image.tar", good, bad))
        assert pins(subject) == [("good", "1")]
        assert why in subject.gaps[0].why
        assert subject.gaps[0].next_step
    alone = read(docker(tmp_path / "image.tar", good[:515]))
    assert [gap.why for gap in alone.gaps][1:] == ["no Python packages lie in it"]
    missing = oci_files(good)
    del missing[f"blobs/sha256/{hashlib.sha256(good).hexdigest()}"]
    (tmp_path / "missing.tar").write_bytes(layer(missing))
    assert "the layer is not there" in read(tmp_path / "missing.tar").gaps[0].why
    swapped = oci_files(good)
    swapped[f"blobs/sha256/{hashlib.sha256(good).hexdigest()}"] = layer(dict(package("evil", "1")))
    (tmp_path / "swapped.tar").write_bytes(layer(swapped))
    assert "do not have its digest" in read(tmp_path / "swapped.tar").gaps[0].why


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    for name, body in (
        ("a.tar", b"x" * 600),
        ("b.tar", layer({"x": b"y"})),
        ("c.tar.gz", b"\x1f\x8bxxxx"),
        ("d.tar", b""),
    ):
        (tmp_path / name).write_bytes(body)
        with pytest.raises(Rejected):
            read_target(tmp_path / name)


def test_bombs_and_hostile_names_end_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked, "BOMB_FLOOR_BYTES", 2**20)
    bomb = gzip.compress(layer({"zeros": bytes(30 * 2**20)}))
    good = layer(dict(package("good", "1")))
    subject = read(docker(tmp_path / "image.tar", good, bomb))
    assert "200-fold" in subject.gaps[0].why
    body: dict[str, bytes | None] = {
        "/usr/local/lib/python3.12/site-packages/abs-1.dist-info/METADATA": b"Name: abs\nVersion: 1\n\n",
        "../../usr/local/lib/python3.12/site-packages/up-2.dist-info/METADATA": b"Name: up\nVersion: 2\n\n",
        "./usr/./local//lib/python3.12/site-packages/dot-3.dist-info/METADATA": b"Name: dot\nVersion: 3\n\n",
    }  # fmt: skip
    odd = read(docker(tmp_path / "odd.tar", layer(body)))
    assert pins(odd) == [("abs", "1"), ("dot", "3"), ("up", "2")]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["image.tar", "odd.tar"]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_each_dialect_of_tar_is_read_as_tarfile_reads_it(form: int) -> None:
    deep = "/".join(["folder" * 3] * 8) + "/file"
    files: dict[str, bytes | None] = {"a": b"one", "empty": b"", "folder": None, deep: b"x" * 1500, ("n" * 90): b"y"}
    body = layer(files, {"link": "a"}, format=form)
    found = [(one.path, one.kind, one.size_bytes, one.read(4)) for one in members_of(io.BytesIO(body))]
    assert found == [
        ("a", "file", 3, b"one"), ("empty", "file", 0, b""), ("folder", "folder", 0, b""), (deep, "file", 1500, b"xxxx"),
        ("n" * 90, "file", 1, b"y"), ("link", "link", 0, b""),
    ]  # fmt: skip


def test_hard_links_pipes_and_devices_are_no_trouble(tmp_path: Path) -> None:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        member = tarfile.TarInfo("usr/local/lib/python3.12/site-packages/a-1.dist-info/METADATA")
        data = b"Name: a\nVersion: 1\n\n"
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
        hard = tarfile.TarInfo("usr/local/lib/python3.12/site-packages/b-1.dist-info/METADATA")
        hard.type, hard.linkname = tarfile.LNKTYPE, member.name
        archive.addfile(hard)
        for kind in (tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE):
            odd = tarfile.TarInfo("dev/x")
            odd.type = kind
            archive.addfile(odd)
    subject = read(docker(tmp_path / "image.tar", body.getvalue()))
    assert [one.where.rpartition("/")[2] for one in subject.components] == ["a-1.dist-info", "b-1.dist-info"]
    os.mkfifo(tmp_path / "pipe.tar")
    with pytest.raises(Rejected, match="no plain file"):
        read_target(tmp_path / "pipe.tar")


@given(st.binary(max_size=1500))
@settings(max_examples=50)
def test_any_bytes_are_a_tar_or_refused(body: bytes) -> None:
    try:
        for member in members_of(io.BytesIO(body)):
            member.read(100)
    except Rejected as error:
        assert error.accepted  # noqa: PT017  # either is right


@given(st.integers(0, 3000), st.binary(min_size=1, max_size=30))
@settings(max_examples=60)
def test_a_layer_with_some_bytes_changed_breaks_nothing(at: int, with_what: bytes) -> None:
    body = bytearray(layer({**package("a", "1"), **package("b", "2"), ("long" * 40): b"x"}))
    body[at : at + len(with_what)] = with_what
    tree = LayeredTree("x")
    try:
        tree.add(io.BytesIO(bytes(body)))
    except Rejected as error:
        assert error.accepted  # noqa: PT017  # either is right


@given(st.text(max_size=60))
def test_no_name_leads_above_the_root(name: str) -> None:
    path = plain_path(name)
    assert not path.startswith("/")
    assert ".." not in path.split("/")


def test_an_image_of_many_files_takes_little_time(tmp_path: Path) -> None:
    files: dict[str, bytes | None] = {f"usr/share/doc/package-{n}/file-{n}.txt": b"" for n in range(8000)}
    for n in range(100):
        files |= package(f"p{n}", "1")
    image = docker(tmp_path / "image.tar", layer(files))
    start = time.process_time()
    assert len(read(image).components) == 100
    assert time.process_time() - start < 2
