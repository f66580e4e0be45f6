"""``customhouse release verify``, ``bundle`` and ``layout``: the evidence of a release, for strangers."""

from __future__ import annotations

import hashlib
import json as json_text
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from customhouse.cli.exit_codes import FINDINGS
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

if TYPE_CHECKING:
    from customhouse.release.room.proof import Decision

_SHA256 = "sha256:"
_HEX_DIGITS = 64

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
Folder = Annotated[Path, Parameter(name=["--output", "-o"], help="Where to write it.")]
Run = Annotated[Path, Parameter(help="The folder of the run, or its journal.")]


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
