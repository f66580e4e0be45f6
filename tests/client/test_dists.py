"""What is looked at before anything is sent: each fault is told with its file and what would be right."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from customhouse.client.attested import attestations_beside, read_attestations
from customhouse.client.dists import Unfit, find_files, read_releases
from customhouse.formats.attestations import statement_bytes
from customhouse.terms.errors import Rejected
from packages import Dist, sdist, wheel


def put(folder: Path, *dists: Dist) -> Path:
    folder.mkdir(exist_ok=True)
    for dist in dists:
        (folder / dist.filename).write_bytes(dist.body)
    return folder


def test_files_are_sorted_into_releases(tmp_path: Path) -> None:
    put(tmp_path, wheel("demo"), sdist("demo"), wheel("demo", "2.0"), wheel("Other.Thing"))
    releases = read_releases(find_files([str(tmp_path)]))
    assert [(one.name, one.normalized, one.version, len(one.dists)) for one in releases] == [
        ("demo", "demo", "1.0", 2), ("demo", "demo", "2.0", 1), ("Other.Thing", "other-thing", "1.0", 1),
    ]  # fmt: skip


def test_spellings_of_one_version_are_one_release(tmp_path: Path) -> None:
    put(tmp_path, wheel("demo", "1.0rc1"), sdist("demo", "1.0rc1"))
    (release,) = read_releases(find_files([str(tmp_path)]))
    assert release.version == "1.0rc1"


def test_patterns_folders_and_files_name_files_and_what_lies_beside_them_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, wheel("demo"), sdist("demo"))
    (tmp_path / "demo-1.0.tar.gz.publish.attestation").write_text("{}")
    (tmp_path / "demo-1.0.tar.gz.asc").write_text("signature")
    both = {"demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"}
    for arguments in ([str(tmp_path)], [f"{tmp_path}/*"], [str(one) for one in tmp_path.iterdir()]):
        assert {one.name for one in find_files(arguments)} == both


@pytest.mark.parametrize("argument", ["nothing-here.whl", "dist/*.whl", "empty"])
def test_naming_nothing_is_a_mistake(tmp_path: Path, argument: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Rejected, match="Accepted: wheels and sdists, or the folder they are in: dist"):
        find_files([argument])


def _renamed(folder: Path) -> None:
    (folder / "demo-1.0-py3-none-any.whl").rename(folder / "demo-1.1-py3-none-any.whl")


def _cut(folder: Path) -> None:
    whole = (folder / "demo-1.0.tar.gz").read_bytes()
    (folder / "demo-1.0.tar.gz").write_bytes(whole[: len(whole) // 2])


def _emptied(folder: Path) -> None:
    (folder / "demo-1.0.tar.gz").write_bytes(b"")


def _contradicting(folder: Path) -> None:
    put(folder, wheel("demo", tag="cp312-cp312-win_amd64", headers={"Requires-Dist": "evil"}))


def _badly_described(folder: Path) -> None:
    put(folder, wheel("demo", tag="cp312-cp312-win_amd64", headers={"Requires-Python": "three"}))


FAULTS = [
    (_renamed, "demo-1.1-py3-none-any.whl: "), (_cut, "demo-1.0.tar.gz: archive"),
    (_emptied, "demo-1.0.tar.gz: size: the file is empty. Accepted: what your build tool writes: build it again"),
    (_contradicting, "demo-1.0-cp312-cp312-win_amd64.whl differ in it: evil"),
    (_badly_described, "demo-1.0-cp312-cp312-win_amd64.whl: Requires-Python: "),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "told"), FAULTS, ids=[spoil.__name__ for spoil, _ in FAULTS])
def test_a_fault_is_found_before_anything_is_sent(tmp_path: Path, spoil: Callable[[Path], None], told: str) -> None:
    put(tmp_path, wheel("demo"), sdist("demo"))
    spoil(tmp_path)
    with pytest.raises(Unfit) as caught:
        read_releases(find_files([str(tmp_path)]))
    assert told in " ".join(caught.value.findings)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    put(tmp_path, wheel("demo"), sdist("demo"))
    _renamed(tmp_path)
    _cut(tmp_path)
    (tmp_path / "demo.zip").write_bytes(b"PK")
    with pytest.raises(Unfit) as caught:
        read_releases(find_files([f"{tmp_path}/*"]))
    assert len(caught.value.findings) == 3


def test_one_file_of_a_release_is_named_once(tmp_path: Path) -> None:
    one, other = put(tmp_path / "one", wheel("demo")), put(tmp_path / "other", wheel("demo"))
    with pytest.raises(Unfit, match="is the same file of a release as"):
        read_releases(find_files([str(one), str(other)]))


# Attestations beside them.


def attestation(filename: str, sha256: str) -> dict[str, object]:
    """A well-formed attestation; who has signed it is the index's to verify."""
    text = {"certificate": "AAAA", "transparency_entries": [{"inclusionProof": {"hashes": []}}]}
    statement = base64.b64encode(statement_bytes(filename, sha256)).decode()
    return {"version": 1, "verification_material": text, "envelope": {"statement": statement, "signature": "AAAA"}}


def test_attestations_beside_a_file_go_with_it(tmp_path: Path) -> None:
    dist = wheel("demo")
    put(tmp_path, dist)
    place = tmp_path / f"{dist.filename}.publish.attestation"
    place.write_text(json.dumps(attestation(dist.filename, dist.sha256)))
    releases = read_releases(find_files([str(tmp_path)]))
    assert attestations_beside(releases[0].dists[0]) == [place]
    assert json.loads(read_attestations(releases)[dist.filename]) == [attestation(dist.filename, dist.sha256)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (json.dumps(attestation("other-1.0-py3-none-any.whl", wheel("demo").sha256)), "is about 'other-1.0-py3-none-any.whl'"),
        (json.dumps(attestation("demo-1.0-py3-none-any.whl", "0" * 64)), "attest the file after it was built for the last time"),
        ("{}", "is not 1"), ("no json", "JSON"), ('{"a": 1, "a": 2}', "twice"), ("{},{}", "JSON"), ("\xff", "JSON"),
    ],
)  # fmt: skip
def test_attestations_of_something_else_are_not_sent(tmp_path: Path, content: str, told: str) -> None:
    put(tmp_path, wheel("demo"))
    (tmp_path / "demo-1.0-py3-none-any.whl.publish.attestation").write_bytes(content.encode("latin-1"))
    with pytest.raises(Unfit) as caught:
        read_attestations(read_releases(find_files([str(tmp_path)])))
    assert told in str(caught.value)
