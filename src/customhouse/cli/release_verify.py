"""``customhouse release verify``, ``bundle`` and ``layout``: the evidence of a release, for strangers."""

from __future__ import annotations

import hashlib
import json as json_text
import re
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from customhouse.cli.exit_codes import FINDINGS
from customhouse.formats.plain import plain
from customhouse.terms.errors import CustomhouseError, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from customhouse.release.room.proof import Decision
    from customhouse.release.sealed import Sealed
    from customhouse.release.store import Store
    from customhouse.trust.private_sigstore.note import SignedCheckpoint

_SHA256 = "sha256:"
_HEX_DIGITS = 64
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@=,:-]{0,240}")

BundleFile = Annotated[Path, Parameter(help="NAME-VERSION.release.tar.")]
Artifacts = Annotated[
    list[Path] | None,
    Parameter(name="--artifact", negative="", show_default=False, help="A file that you have: is it of this release?"),
]
Repository = Annotated[
    Path | None, Parameter(name="--repo", show_default=False, help="A clone that you have: is the tag there the same?")
]
TrustRoot = Annotated[
    str, Parameter(show_default=False, help="Whose certificates you believe: a trusted_root.json, or sha256:DIGEST.")
]
PipelineFlag = Annotated[
    str,
    Parameter(name="--pipeline", show_default=False, help="The pipeline that you expect: a file, or sha256:DIGEST."),
]
CheckpointFile = Annotated[
    Path | None,
    Parameter(name="--checkpoint", show_default=False, help="What you remember of earlier releases, or of the log."),
]
Remember = Annotated[
    bool, Parameter(name="--remember", negative="", show_default=False, help="Write what was seen into --checkpoint.")
]
Json = Annotated[bool, Parameter(name="--json", negative="", show_default=False, help="Say it as JSON.")]
Into = Annotated[Path, Parameter(name=["--output", "-o"], help="The folder to write it into.")]
Run = Annotated[str, Parameter(help="The run: its name here, or its address on a server (the newest, if not said).")]
Runs = Annotated[
    Path | None,
    Parameter(name="--runs", show_default=False, help="Where runs lie (default ./.customhouse/release)."),
]
ActorFlag = Annotated[
    str, Parameter(name="--actor", show_default=False, help="Of a run on a server: as whom this machine has joined.")
]
Folder = Annotated[
    Path | None,
    Parameter(show_default=False, help="Of a run on a server: where this machine's key lies (default ~/.local/state)."),
]
AllowHttp = Annotated[
    bool, Parameter(name="--allow-http", negative="", show_default=False, help="Show tokens even without TLS.")
]
RootFile = Annotated[
    Path | None,
    Parameter(
        name="--trust-root", show_default=False,
        help="The trusted_root.json it was signed under (default: what the run's place sigstore says now).",
    ),
]  # fmt: skip


def verify(
    bundle: BundleFile, /, *, artifact: Artifacts = None, repo: Repository = None, trust_root: TrustRoot = "",
    pipeline: PipelineFlag = "", checkpoint: CheckpointFile = None, remember: Remember = False, json: Json = False,
) -> int:  # fmt: skip
    """Verify a release from its bundle, offline, and say what that does not prove.

    Exit code 0: everything holds. 1: something is wrong. 3: something could not be checked with what you brought.
    """
    # Signatures cost half a second to load, and only verifying needs them.
    from customhouse.release.evidence.bundle import read_bundle  # noqa: PLC0415
    from customhouse.release.evidence.points.case import Brought  # noqa: PLC0415
    from customhouse.release.evidence.remembered import read_remembered  # noqa: PLC0415
    from customhouse.release.evidence.remembered import remember as write_remembered  # noqa: PLC0415
    from customhouse.release.evidence.shown import lines_of  # noqa: PLC0415
    from customhouse.release.evidence.verify import verify_bundle  # noqa: PLC0415

    if remember and checkpoint is None:
        raise Rejected("no-checkpoint", "--remember", "nothing says where to", "--checkpoint FILE as well")
    root, root_sha256 = _root(trust_root)
    data = _read(bundle, "bundle")
    try:
        read = read_bundle(data)
        brought = Brought(
            trust_root=root,
            trust_root_sha256=root_sha256,
            pipeline_sha256=_pipeline(pipeline) or _pipeline_of(repo, read.created.pipeline, read.created.params),
            artifacts=tuple(artifact or ()),
            repository=repo,
            remembered=read_remembered(checkpoint, read.created.project) if checkpoint is not None else None,
            check_key=_check_key,
        )
        report = verify_bundle(read, brought)
    except Rejected as error:
        if error.code in ("bad-checkpoint", "bad-trust-root"):
            raise
        return _refused(error, data, json=json)
    if json:
        print(json_text.dumps(report.to_json(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines_of(report)))
    if remember and checkpoint is not None and report.case is not None and report.exit_code != FINDINGS:
        write_remembered(checkpoint, report.case, report.trust_root_sha256)
    return report.exit_code


def bundle(
    run: Run = "", /, *, output: Into = Path(), runs: Runs = None, trust_root: RootFile = None, actor: ActorFlag = "",
    folder: Folder = None, allow_http: AllowHttp = False,
) -> None:  # fmt: skip
    """Write the bundle of a run: everything that a stranger needs to verify it, in one file.

    Of a run on a server the bundle is brought that the server has made, which everybody may have once the release is
    published. With --actor this machine, which has joined, makes its own out of what it sees there.
    """
    if "://" in run and not actor:
        _keep(*_brought(run, allow_http=allow_http), output)
        return
    from customhouse.release.actions import Problem  # noqa: PLC0415 - the engine is loaded where it is used
    from customhouse.release.evidence.collect import collect  # noqa: PLC0415 - as above

    try:
        with _run(run, runs, actor, folder, allow_http=allow_http) as (lines, store):
            earlier = _shown_before(lines[0].run, runs) if "://" not in run and trust_root is None else []
            name, data = collect(lines, store, trust_root=_root_file(trust_root), earlier=earlier, tell=_warn)
    except Problem as problem:
        raise Rejected(problem.code, problem.place, problem.saw, problem.next_step or problem.expected) from problem
    _keep(name, data, output)


def layout(
    run: Run = "", /, *, output: Into = Path("layout"), runs: Runs = None, actor: ActorFlag = "",
    folder: Folder = None, allow_http: AllowHttp = False,
) -> None:  # fmt: skip
    """Export a run as an in-toto layout with links, for in-toto-verify."""
    from datetime import timedelta  # noqa: PLC0415 - only here

    from customhouse.release.evidence.layout import LAYOUT, OWNER, Keys, layout_files  # noqa: PLC0415 - as above
    from customhouse.release.rules import replay  # noqa: PLC0415 - as above
    from customhouse.release.sealing import verify_lines  # noqa: PLC0415 - as above
    from customhouse.terms.clock import SystemClock  # noqa: PLC0415 - as above

    with _run(run, runs, actor, folder, allow_http=allow_http) as (lines, _store):
        verify_lines(lines)
    state = replay(lines)
    expires = SystemClock().now() + timedelta(days=365)
    output.mkdir(parents=True, exist_ok=True)
    files = layout_files(state, Keys.new(state.pipeline), expires=expires)
    for name, body in files.items():
        (output / name).write_bytes(body)
    print(f"{output}: a layout and {len(files) - 2} links. To verify it:")
    print(f"cd {output} && in-toto-verify -l {LAYOUT} --verification-keys {OWNER}")


def _brought(url: str, *, allow_http: bool) -> tuple[str, bytes]:
    """The bundle as the server gives it: whole, of the run that was asked for, and named by what it says of itself."""
    import os  # noqa: PLC0415 - only here

    from customhouse.release.evidence.bundle import read_bundle  # noqa: PLC0415 - as above
    from customhouse.release.work.room_door import Place, RoomDoor  # noqa: PLC0415 - loads an HTTP client

    place = Place.parse(url, allow_http=allow_http)
    door = RoomDoor(place, token=os.environ.get("CUSTOMHOUSE_TOKEN", "").strip(), tell=lambda _text: None)
    with closing(door):
        data = door.bundle()
    read = read_bundle(data)
    if read.lines[0].run != place.run:
        raise Rejected("other-run", url, f"the server has sent the run {plain(read.lines[0].run, 40)}", place.run)
    name = read.file_name.replace("/", "_")
    if not _FILE_NAME.fullmatch(name):
        raise Rejected("bundle-name", url, f"it is called {plain(name, 120)}", "a plain file name")
    return name, data


def _keep(name: str, data: bytes, folder: Path) -> None:
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    print(f"{path} ({len(data):,} bytes)")
    print(f"sha256:{hashlib.sha256(data).hexdigest()}")


@contextmanager
def _run(
    run: str, runs: Path | None, actor: str, folder: Path | None, *, allow_http: bool
) -> Iterator[tuple[Sequence[Sealed], Store]]:  # fmt: skip
    """The lines of a run and its files: of a folder here, or of a server that this machine has joined."""
    if "://" not in run:
        from customhouse.release.engine.folder import RUNS, find_run  # noqa: PLC0415 - the engine is loaded here alone

        found = find_run((runs or RUNS).resolve(), run)
        yield found.journal.read(), found.store
        return
    import os  # noqa: PLC0415 - only here

    from customhouse.release.work.http_journal import HttpJournal  # noqa: PLC0415 - loads an HTTP client
    from customhouse.release.work.http_store import HttpStore  # noqa: PLC0415 - as above
    from customhouse.release.work.joining import folder_of, join  # noqa: PLC0415 - as above
    from customhouse.release.work.room_door import Place, RoomDoor  # noqa: PLC0415 - as above

    if not actor:
        raise Rejected("no-actor", "--actor", "a server shows a run to those who have joined it", "--actor ACTOR")
    with closing(RoomDoor(Place.parse(run, allow_http=allow_http), tell=lambda _text: None)) as door:
        home = folder or folder_of(door.place.run, actor, os.environ)
        token = os.environ.get("CUSTOMHOUSE_TOKEN", "").strip()
        member = join(door, actor, home, identity_token=None, api_token=token)
        door.token = member.token
        yield HttpJournal(door, member.actor, member.key).read(), HttpStore(door, home / "objects")


def _shown_before(name: str, runs: Path | None) -> list[SignedCheckpoint]:
    """What the newest releases of the same project in this folder have shown of logs before this one."""
    from customhouse.release.engine.folder import RUNS, begun_before  # noqa: PLC0415 - the engine is loaded here alone
    from customhouse.release.evidence.collect import shown_in  # noqa: PLC0415 - as above
    from customhouse.release.evidence.growth import MOST_EARLIER  # noqa: PLC0415 - as above

    shown: list[list[SignedCheckpoint]] = []
    for one in begun_before((runs or RUNS).resolve(), name):
        try:
            if one.state().status == "released":
                shown.append(shown_in(one.journal.read(), one.store))
        except CustomhouseError as error:
            _warn(f"What the run {one.name} has shown of the log is not known: {error}")
        if len(shown) == MOST_EARLIER:
            break
    return [note for notes in shown for note in notes]


def _warn(text: str) -> None:
    print(plain(text, 400), file=sys.stderr)


def _root_file(path: Path | None) -> bytes:
    return _read(path, "--trust-root") if path is not None else b""


def _check_key(proof: str) -> Decision:
    """What a person's security key has signed. The library for that is loaded where there is such a proof."""
    from customhouse.release.room.proof import check_proof  # noqa: PLC0415 - see above

    return check_proof(proof)


def _refused(error: Rejected, data: bytes, *, json: bool) -> int:
    """What is no whole bundle: somebody has changed it, or it is something else."""
    if json:
        told = {
            "bundle": {"sha256": hashlib.sha256(data).hexdigest()}, "result": "failed", "code": error.code,
            "where": error.where, "error": str(error), "points": [],
        }  # fmt: skip
        print(json_text.dumps(told, indent=2, ensure_ascii=False))
    else:
        print(f"✗ The bundle is not whole: {plain(error)}", file=sys.stderr)
    return FINDINGS


def _root(said: str) -> tuple[bytes, str]:
    if said.startswith(_SHA256):
        return b"", _digest(said, "--trust-root")
    return (_read(Path(said), "--trust-root"), "") if said else (b"", "")


def _pipeline(said: str) -> str:
    if said.startswith(_SHA256):
        return _digest(said, "--pipeline")
    return hashlib.sha256(_read(Path(said), "--pipeline")).hexdigest() if said else ""


def _pipeline_of(repo: Path | None, text: str, params: object) -> str:
    """The pipeline's digest, if the repository has it at the release's tag: whoever trusts the clone knows it then."""
    if repo is None:
        return ""
    from customhouse.formats.pipeline.read import read_pipeline  # noqa: PLC0415 - only with --repo
    from customhouse.formats.pipeline.resolve import resolve  # noqa: PLC0415 - as above
    from customhouse.release.children import Children  # noqa: PLC0415 - as above
    from customhouse.release.evidence.points.yours import pipeline_of_repository  # noqa: PLC0415 - as above
    from customhouse.release.git.git import Git  # noqa: PLC0415 - as above

    tag = resolve(read_pipeline(text), dict(params)).tag if isinstance(params, dict) else ""
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return pipeline_of_repository(Git(Children()), repo, f"refs/tags/{tag}", sha256)


def _digest(said: str, flag: str) -> str:
    digest = said.removeprefix(_SHA256).lower()
    if len(digest) != _HEX_DIGITS or digest.strip("0123456789abcdef"):
        raise Rejected("bad-digest", flag, f"{plain(said, 80)!r} is no SHA-256", "sha256: and 64 hexadecimal digits")
    return digest


def _read(path: Path, what: str) -> bytes:
    from customhouse.release.evidence.archive import MOST_BYTES  # noqa: PLC0415 - light, and only here

    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Rejected("no-file", what, f"{path} cannot be read: {error.strerror}", "a file that is there") from error
