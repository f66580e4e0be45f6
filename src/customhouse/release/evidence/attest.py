"""Saying under signature what a journal tells: one statement for each fact, signed, kept, and noted as `Attested`.

The conductor calls `attest` after each step. It looks at the whole journal and says what was not said yet, so that a
crash between a step's end and its statement leaves nothing out, and calling twice says nothing twice.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from customhouse.formats.pipeline.model import Pipeline
from customhouse.release.events import Attested
from customhouse.release.evidence.statements.at_index import is_shown
from customhouse.release.evidence.statements.history import history
from customhouse.release.evidence.statements.told import Owed, owed, verdict_owed
from customhouse.release.sealed import ENGINE, Sealed
from customhouse.release.signing.sealer import Sealer
from customhouse.release.state import State
from customhouse.release.store import Store
from customhouse.release.things import Thing


class Signs(Protocol):
    """What of a `signing.sealer.Sealer` is wanted here."""

    def statement(self, payload: bytes) -> str:
        """The Sigstore bundle (JSON) of a DSSE envelope around this statement."""
        ...


Attest = Callable[[State, Sequence[Sealed]], list[Attested]]
"""What is still to be said of a journal, signed; raises `Problem`."""


def attest(
    state: State, lines: Sequence[Sealed], sealer: Signs, store: Store, *, speakers: Collection[str] | None = None,
    shown: Signs | None = None,
) -> list[Attested]:  # fmt: skip
    """Sign what the journal owes and nobody has said; ``lines`` is the whole journal, ``state`` what it folds to.

    ``speakers`` are the actors in whose name this machine signs, and `sealed.ENGINE` for what is of the whole run;
    None for all. ``shown`` signs what an index will show (`statements.at_index`); None: the same sealer. The events are
    returned, not written. Raises `Problem` if nobody signs or a file is missing.
    """
    told = history(state.pipeline, lines)
    said = {one.event.bundle.name for one in told.attested if isinstance(one.event, Attested)}
    wanted = [one for one in owed(told) if one.name not in said and (speakers is None or one.speaker in speakers)]
    found = [_attested(one, sealer if one.shown is None else shown or sealer, store) for one in wanted]
    # The last word counts on all others, so it comes when they have been said.
    last = verdict_owed(told)
    if last is None or last.name in said or wanted or (speakers is not None and last.speaker not in speakers):
        return found
    if any(one.name not in said for one in owed(told)):
        return found
    return [_attested(last, sealer, store)]


def speakers_of(pipeline: Pipeline, actor: str) -> frozenset[str]:
    """For whom a machine of this actor signs at a room: for himself.

    The actor who publishes signs what is of the whole run, too, and for those who have no identity to sign with.
    """
    publishes = next((step.actor for step in pipeline.steps if step.uses == "index.publish"), "")
    if actor != publishes:
        return frozenset({actor})
    mute = {one.id for one in pipeline.actors if not any(each.startswith("oidc:") for each in one.identities)}
    return frozenset({actor, ENGINE, *mute})


def attested_by(
    sealer: Signs, store: Store, *, speakers: Collection[str] | None = None, shown: Signs | None = None
) -> Attest:
    """`attest` with everything that stays the same on one machine, for a conductor."""
    return lambda state, lines: attest(state, lines, sealer, store, speakers=speakers, shown=shown)


def sealers(trust_config: str, token: Callable[[], str], state: State) -> tuple[Sealer, Sealer | None]:
    """Who signs for the run, and who what an index will show, where it shows something; raises `Problem`.

    Both have one certificate: they are one identity. PEP 740's verifiers take entries of Rekor v1 alone.
    """
    from customhouse.release.signing.sealer import SigstoreSealer  # noqa: PLC0415 - slow to import

    sealer = SigstoreSealer(trust_config, token)
    if not is_shown(state.pipeline, state.places):
        return sealer, None
    return sealer, SigstoreSealer(trust_config, token, rekor=1)


def _attested(one: Owed, sealer: Signs, store: Store) -> Attested:
    with tempfile.TemporaryDirectory(prefix="customhouse-attest-") as folder:
        statement = one.make(lambda thing: store.fetch(thing, Path(folder) / "files").read_bytes())
        path = Path(folder) / one.name
        path.write_text(sealer.statement(statement.to_bytes()), encoding="utf-8")
        bundle = store.put(path)
    subjects = tuple(Thing(subject.name, "sha256", subject.sha256) for subject in statement.subjects)
    return Attested(one.step, statement.predicate_type, bundle, subjects)
