"""``customhouse publish``."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from customhouse.client.address import Index
from customhouse.client.ambient import TOKEN_VARIABLE, Ambient, find_ambient, find_signer
from customhouse.client.attested import attestations_beside, read_attestations
from customhouse.client.credentials import Sources, find_credential, read_pypirc
from customhouse.client.dists import Release, Unfit, find_files, read_releases
from customhouse.client.listeners import Bars, JsonLines, Lines, Listener, say
from customhouse.client.news import Ended, News, Note, Waiting, Warned
from customhouse.client.patience import Patience
from customhouse.client.problem import Declined
from customhouse.client.releasing import Plan, Result, publish_releases
from customhouse.client.sending import Outcome
from customhouse.client.sentences import ended_lines, size_words
from customhouse.client.signing import sign_releases
from customhouse.client.wire import Wire
from customhouse.formats.plain import plain
from customhouse.terms.errors import CustomhouseError, Rejected, Unavailable

FINE, FINDINGS, PARTIAL, SERVICE_FAILED, INTERRUPTED = 0, 1, 3, 4, 130
MOST_PARALLEL = 32
MAX_TOKEN = 65_536
_INDEX_VARIABLES = ("CUSTOMHOUSE_INDEX", "TWINE_REPOSITORY_URL", "UV_PUBLISH_URL")
COLUMNS = 80

Files = Annotated[list[str] | None, Parameter(help="Wheels and sdists, or folders that hold them (default dist).")]
IndexFlag = Annotated[
    str,
    Parameter(
        name="--index",
        show_default=False,
        help="The index's address, or a name in ~/.pypirc (default CUSTOMHOUSE_INDEX).",
    ),
]
Token = Annotated[
    str,
    Parameter(
        show_default=False,
        # A sign for standard input, and no option.
        allow_leading_hyphen=True,
        help="An API token; - reads it from standard input, where no other user of this machine sees it.",
    ),
]
StageFlag = Annotated[
    bool, Parameter(name="--stage", negative="", show_default=False, help="Stage the release and publish nothing.")
]
WaitFlag = Annotated[
    bool, Parameter(name="--wait", negative="", show_default=False, help="If people must approve it, wait for them.")
]
ApproveFlag = Annotated[
    bool,
    Parameter(
        name="--approve", negative="", show_default=False, help="Open the page where people approve it in a browser."
    ),
]
AttestationsFlag = Annotated[
    bool,
    Parameter(
        name="--attestations",
        negative="",
        show_default=False,
        help="Send the *.attestation files that lie beside the files.",
    ),
]
SignFlag = Annotated[
    bool,
    Parameter(
        name="--sign", negative="", show_default=False, help="Attest the files with the identity of this CI service."
    ),
]
TrustConfig = Annotated[Path | None, Parameter(help="With --sign: a Sigstore of your own (client trust config, JSON).")]
OidcTokenFile = Annotated[Path | None, Parameter(help="A file that holds an ID token, to be traded for an API token.")]
Parallel = Annotated[int, Parameter(help="How many files, or parts of large ones, are sent at once.")]
WithOthers = Annotated[
    bool,
    Parameter(
        name="--with-others",
        negative="",
        show_default=False,
        help="Publish what others have put into the session, too.",
    ),
]
AllowHttp = Annotated[
    bool,
    Parameter(
        name="--allow-http", negative="", show_default=False, help="Show the token even where the index has no TLS."
    ),
]
Quiet = Annotated[
    bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False, help="Say nothing but what goes wrong.")
]
Json = Annotated[
    bool, Parameter(name="--json", negative="", show_default=False, help="One JSON object a line on standard output.")
]


def publish(
    files: Files = None, /, *, index: IndexFlag = "", token: Token = "", stage: StageFlag = False,
    wait: WaitFlag = False, approve: ApproveFlag = False, attestations: AttestationsFlag = False,
    sign: SignFlag = False, trust_config: TrustConfig = None, oidc_token_file: OidcTokenFile = None,
    parallel: Parallel = 4, with_others: WithOthers = False, allow_http: AllowHttp = False, quiet: Quiet = False,
    json: Json = False,
) -> int:  # fmt: skip
    """Publish a release whole and at once: every file is staged before any is public.

    Files are checked here before anything is sent; what breaks off goes on where it was. An index without Upload 2.0
    gets them by the legacy upload. Exit code 0: published, staged as was asked, or published before; 1: a file is not
    as it must be; 2: usage; 3: only a part was done, or people must approve; 4: the index or a service failed.
    """
    if not 1 <= parallel <= MOST_PARALLEL:
        raise Rejected("bad-parallel", "--parallel", f"{parallel}", f"1 to {MOST_PARALLEL}")
    console = Console(stderr=True)
    listener = _listener(console, quiet=quiet, json=json)
    patience = Patience()
    try:
        with _speaking(_index(index, allow_http=allow_http), patience) as wire:
            wire.say = lambda sentence: listener.hear(Note(sentence))
            releases = read_releases(find_files(files or ["dist"]))
            ambient = find_ambient(os.environ, oidc_token_file)
            wire.credential = find_credential(_sources(token, ambient, oidc_token_file), wire)
            attested = _attestations(
                releases, find_signer(os.environ, oidc_token_file), trust_config, beside=attestations, sign=sign
            )
            plan = Plan(stage=stage, wait=wait, with_others=with_others, parallel=parallel, attestations=attested)
            ears = _Ears(listener, approve=approve and not json and not quiet)
            with listener:
                listener.hear(Note(f"Publishing {_named(releases)} on {wire.index.host} with {wire.credential.where}."))
                for note in _left_out(releases, attested):
                    listener.hear(Note(note))
                results = publish_releases(wire, releases, plan, ears.hear)
    except Unfit as error:
        _tell_error(listener, console, *error.findings, "Nothing was sent.")
        return FINDINGS
    except Declined as declined:
        _tell_error(listener, console, f"The index says no: {declined}")
        return SERVICE_FAILED if declined.status >= 500 else FINDINGS  # noqa: PLR2004 - a server's fault, in HTTP
    except KeyboardInterrupt:
        _leave(console, patience)
    _show(results, ears.ended, console, quiet=quiet or json)
    return exit_code(results)


@contextmanager
def _speaking(index: Index, patience: Patience) -> Iterator[Wire]:
    wire = Wire(index, patience)
    try:
        yield wire
    finally:
        wire.close()


def _tell_error(listener: Listener, console: Console, *sentences: str) -> None:
    """What has gone wrong before anything was sent."""
    for sentence in sentences:
        if isinstance(listener, JsonLines):
            listener.hear(Warned(sentence))
        else:
            say(console, plain(sentence, 2000))


class _Ears:
    """Hears all news before they are shown: keeps how each release has ended, and opens the page of one that waits."""

    def __init__(self, listener: Listener, *, approve: bool) -> None:
        self.ended: list[Ended] = []
        self._listener = listener
        self._approve = approve

    def hear(self, news: News) -> None:
        """Tell it on."""
        self._listener.hear(news)
        if isinstance(news, Ended):
            self.ended.append(news)
        page = news.page if isinstance(news, Waiting | Ended) and not _is_over(news) else None
        if self._approve and page is not None:
            self._approve = False
            webbrowser.open(page)


def _is_over(news: Waiting | Ended) -> bool:
    return isinstance(news, Ended) and news.state not in ("staged", "waiting")


def _listener(console: Console, *, quiet: bool, json: bool) -> Listener:
    if json:
        return JsonLines(sys.stdout)
    if quiet or not console.is_terminal:
        return Lines(console, only_problems=quiet)
    return Bars(console)


def _index(text: str, *, allow_http: bool) -> Index:
    """The index that is meant: an address, a name in ``~/.pypirc``, or what the environment says."""
    given = text or next((os.environ[name] for name in _INDEX_VARIABLES if os.environ.get(name)), "")
    if not given:
        raise Rejected(
            "no-index", "--index", "nobody has said where to publish",
            "--index https://packages.example.org, or CUSTOMHOUSE_INDEX",
        )  # fmt: skip
    if "/" not in given:
        section = read_pypirc(_pypirc()).get(given, {})
        given = section.get("repository", given)
    return Index.parse(given, allow_http=allow_http)


def _sources(token: str, ambient: Ambient | None, token_file: Path | None) -> Sources:
    from_stdin = token == "-"  # noqa: S105 - a sign, and no password
    given = sys.stdin.read(MAX_TOKEN).strip() if from_stdin else token.strip()
    handed = token_file is not None or bool(os.environ.get(TOKEN_VARIABLE))
    return Sources(given, os.environ, ambient, handed, _pypirc())


def _pypirc() -> Path:
    return Path.home() / ".pypirc"


def _attestations(
    releases: Sequence[Release], signer: Ambient | None, trust_config: Path | None, *, beside: bool, sign: bool
) -> dict[str, str]:
    """Attestations by file name: those beside the files, and for files without one what is signed now."""
    if trust_config is not None and not sign:
        raise Rejected("no-sign", "--trust-config", "is for signing", "--sign with it")
    found = read_attestations(releases) if beside else {}
    if beside and not found and not sign:
        raise Rejected(
            "no-attestations", "--attestations", "there are none beside the files", "FILE.publish.attestation"
        )
    return {**sign_releases(releases, signer, trust_config), **found} if sign else found


def _left_out(releases: Sequence[Release], attested: dict[str, str]) -> list[str]:
    beside = [one for release in releases for dist in release.dists for one in attestations_beside(dist)]
    if beside and not attested:
        return [f"{len(beside)} attestations lie beside the files and stay here; --attestations sends them."]
    return []


def _named(releases: Sequence[Release]) -> str:
    return ", ".join(str(release) for release in releases)


def _show(results: Sequence[Result], ended: Sequence[Ended], console: Console, *, quiet: bool) -> None:
    """The closing table, what went wrong, and where each release is now."""
    if not quiet:
        say(console, "")
        rows = [(one.dist, _state(result, one)) for result in results for one in result.outcomes]
        print("\n".join(table_lines([(dist.filename, size_words(dist.size_bytes), state) for dist, state in rows])))
    for result in results:
        if result.error is not None:
            say(console, plain(result.error, 2000))
    if not quiet:
        for one in ended:
            print("\n".join(["", *ended_lines(one)]))


def _state(result: Result, outcome: Outcome) -> str:
    return "published" if (outcome.state, result.ending) == ("staged", "published") else outcome.state


def table_lines(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    """File, size and state in columns, at most 80 characters wide; long names lose their middle."""
    whole = [("file", "size", "state"), *rows]
    sizes, states = max(len(row[1]) for row in whole), max(len(row[2]) for row in whole)
    names = min(max(len(row[0]) for row in whole), COLUMNS - sizes - states - 4)
    return [f"{_shortened(name, names):{names}}  {size:>{sizes}}  {state}".rstrip() for name, size, state in whole]


def _shortened(name: str, columns: int) -> str:
    """The end of a wheel's name says more than its middle."""
    if len(name) <= columns:
        return name
    end = (columns - 1) * 2 // 3
    return f"{name[: columns - 1 - end]}…{name[-end:]}"


def exit_code(results: Sequence[Result]) -> int:
    """0 if all is as it was asked for, 3 if a part is, 4 if the index could not be reached, 1 for everything else."""
    endings = {result.ending for result in results}
    if endings <= {"published", "already published", "staged"}:
        return FINE
    done = any(outcome.state != "failed" for result in results for outcome in result.outcomes)
    if done:
        return PARTIAL
    errors: list[CustomhouseError | None] = [outcome.error for result in results for outcome in result.outcomes]
    return SERVICE_FAILED if errors and all(isinstance(one, Unavailable) for one in errors) else FINDINGS


def _leave(console: Console, patience: Patience) -> None:
    """Ctrl-C: say how to go on, and end without waiting for connections that are silent."""
    patience.stop.set()
    say(console, "Stopped. What has arrived is kept for some days: run the same command again, and it goes on there.")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)
