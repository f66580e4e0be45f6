"""Who owns a name: adopting it from an upstream, handing it over, forgetting it, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from conftest import DATABASES, Where, prepared, settings_for
from customhouse.accounts.users import AddUser, add_user, find_user
from customhouse.app import App, open_app
from customhouse.catalog import queries
from customhouse.catalog.lifecycle import DeletionPolicy
from customhouse.index.delete import Delete, delete
from customhouse.index.names import Claim, claim_project
from customhouse.index.prohibited import Prohibit, prohibit
from customhouse.index.restore import Restore, restore
from customhouse.infra.settings import Settings
from customhouse.ledger.tables import ledger_event
from customhouse.mirror.model import MirroredProject
from customhouse.mirror.record import RecordAbsence, record_absence
from customhouse.terms.errors import CustomhouseError, Refused, Rejected
from customhouse.terms.identity import NOBODY, Actor
from customhouse.terms.names import ProjectName
from customhouse.views.names.adopt import Adopt, Adopted, adopt
from customhouse.views.names.forget import Forget, forget
from customhouse.views.names.hand_over import HandedOver, HandOver, hand_over
from customhouse.views.names.known import KnownNames
from customhouse.views.names.owner import COLLISION, NameOwner, owner_of, public_owner
from packages import wheel
from upstream_world import UpstreamWorld, upstream_world
from world import IDLE

ASKS = timedelta(seconds=60)


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        running.add(wheel("demo", "1.0"))
        yield running


@pytest.fixture(params=DATABASES)
def app(request: pytest.FixtureRequest, tmp_path: Path, upstream: UpstreamWorld, clock: TurnableClock) -> Iterator[App]:
    where = prepared(settings_for(Where(request.param), tmp_path / "data", request), request)
    settings = Settings.model_validate(where.model_dump() | upstream.settings() | {"internal_names": ["acme-*"]})
    with open_app(settings, clock=clock, walkers=IDLE) as opened:
        opened.do(add_user, AddUser("ann"))
        yield opened


def actor(app: App, wanted: str) -> Actor:
    with app.database.read() as sql:
        return find_user(sql, wanted).actor


def pull(app: App, wanted: str = "demo") -> MirroredProject | None:
    return app.upstreams.project(wanted, ("pypi",), within=ASKS)


def known(app: App) -> KnownNames:
    return KnownNames(app.settings.internal_names)


def adopted(app: App, wanted: str = "demo", *, by: Actor | None = None) -> Adopted:
    wish = Adopt(wanted, "ann", "we patch it")
    return app.do(adopt, wish if by is None else Adopt(wanted, "ann", "we patch it", by))


def handed_over(app: App, wanted: str = "demo", *, typed: str = "", upstream: str = "pypi") -> HandedOver:
    return app.do(hand_over, HandOver(wanted, upstream, "no longer ours", known(app), ["pypi"], typed))


def owner(app: App, wanted: str) -> NameOwner:
    with app.database.read() as sql:
        return owner_of(sql, ProjectName(wanted), known(app), ["pypi"])


def claim(app: App, wanted: str) -> None:
    app.do(claim_project, Claim(ProjectName(wanted), actor(app, "ann")))


def kinds(app: App) -> list[str]:
    with app.database.read() as sql:
        return list(sql.execute(sa.select(ledger_event.c.kind).order_by(ledger_event.c.serial)).scalars())


def test_an_adopted_name_is_hosted_and_no_upstream_is_asked_again(
    app: App, upstream: UpstreamWorld, clock: TurnableClock
) -> None:
    pull(app)
    done = adopted(app)
    assert (done.name, done.upstream, done.owner, done.files) == ("demo", "pypi", "ann", 1)
    clock.turn(ASKS * 2)
    assert pull(app) is None
    assert upstream.count("/simple/demo/") == 1
    with app.database.read() as sql:
        found = queries.find_project(sql, "demo")
        assert found is not None
        assert found.deleted_at is None
    assert owner(app, "demo").whose == "hosted"
    assert kinds(app)[-2:] == ["project-created", "name-adopted"]


def test_what_an_upstream_has_no_more_is_not_gone_where_another_has_it_now(app: App) -> None:
    """The look at the first one was under way while an operator had the name forgotten and the second one took it."""
    pull(app)
    app.do(record_absence, RecordAbsence("demo", "other"))
    found = pull(app)
    assert found is not None
    assert found.removed_at is None
    assert "upstream-project-removed" not in kinds(app)
    app.do(record_absence, RecordAbsence("demo", "pypi"))
    assert "upstream-project-removed" in kinds(app)


def test_only_operators_change_whose_a_name_is(app: App) -> None:
    pull(app)
    for deed, wish in (
        (adopt, Adopt("demo", "ann", "why", NOBODY)),
        (forget, Forget("demo", "why", NOBODY)),
        (hand_over, HandOver("demo", "pypi", "why", known(app), ["pypi"], "", actor(app, "ann"))),
    ):
        with pytest.raises(Refused):
            app.do(deed, wish)  # type: ignore[arg-type]  # each with its own
    assert owner(app, "demo").whose == "upstream"


@pytest.mark.parametrize("wanted", ["free-name", "forbidden", "mine"])
def test_no_other_name_is_adopted(app: App, wanted: str) -> None:
    app.do(prohibit, Prohibit("forbidden", "no"))
    claim(app, "mine")
    with pytest.raises(Refused, match="no upstream's"):
        adopted(app, wanted)


def test_a_name_that_looks_like_one_hosted_here_is_not_adopted(app: App, upstream: UpstreamWorld) -> None:
    upstream.add(wheel("de-mo", "1.0"))
    pull(app, "de-mo")
    claim(app, "dem0")
    with pytest.raises(Refused, match="looks too much"):
        adopted(app, "de-mo")


def test_an_upload_of_an_upstreams_name_is_refused_and_says_which(app: App) -> None:
    pull(app)
    with pytest.raises(Refused, match="served from an upstream index, pypi"):
        claim(app, "demo")


def test_a_new_name_that_exists_upstream_too_is_fine_and_never_asked(app: App, upstream: UpstreamWorld) -> None:
    claim(app, "demo")
    assert pull(app) is None
    assert upstream.asked == []
    found = owner(app, "demo")
    assert (found.whose, found.asked) == ("hosted", COLLISION)


def test_a_name_without_files_is_handed_over_and_comes_back_by_adoption(app: App, clock: TurnableClock) -> None:
    claim(app, "demo")
    assert handed_over(app) == HandedOver("demo", "pypi", 0)
    found = pull(app)
    assert found is not None
    assert len(found.files) == 1
    assert owner(app, "demo").why == "It was hosted here, and an operator handed it over."
    with pytest.raises(Refused, match="handed over to the upstream pypi"):
        app.do(restore, Restore("demo"))
    with pytest.raises(Refused, match="hosted here before"):
        app.do(forget, Forget("demo", "why"))
    adopted(app)
    clock.turn(ASKS * 2)
    assert pull(app) is None
    with app.database.read() as sql:
        back = queries.find_project(sql, "demo")
        assert back is not None
        assert back.deleted_at is None


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ("free-name", "not hosted"),
        ("forbidden", "Allow it first"),
        ("demo", "supplies it already"),
        ("acme-x", "internal"),
    ],
)
def test_what_is_not_handed_over(app: App, wanted: str, error: str) -> None:
    app.do(prohibit, Prohibit("forbidden", "no"))
    claim(app, "acme-x")
    pull(app)
    with pytest.raises(CustomhouseError, match=error):
        handed_over(app, wanted)


def test_a_name_goes_only_to_an_upstream_of_the_settings(app: App) -> None:
    claim(app, "mine")
    with pytest.raises(Rejected, match="not in the settings"):
        handed_over(app, "mine", upstream="elsewhere")


def test_a_forgotten_name_is_free_for_whoever_comes_first(app: App, upstream: UpstreamWorld) -> None:
    pull(app)
    assert app.do(forget, Forget("demo", "never wanted")) == ("demo", 1)
    app.upstreams.forget_answers("demo")
    assert owner(app, "demo").whose == "free"
    claim(app, "demo")
    assert pull(app) is None
    assert upstream.count("/simple/demo/") == 1


def test_a_deleted_name_blocks_upstreams_for_ever(app: App, upstream: UpstreamWorld) -> None:
    """Revival: what was ours never becomes somebody else's because we deleted it."""
    claim(app, "demo")
    gone = Delete("demo", typed="demo", reason="over", policy=DeletionPolicy(timedelta(hours=72), 100))
    app.do(delete, gone)
    assert pull(app) is None
    assert upstream.asked == []
    assert owner(app, "demo").whose == "deleted"


def test_the_history_of_a_name_is_told_in_order(app: App) -> None:
    pull(app)
    adopted(app)
    said = [one.sentence for one in owner(app, "demo").history]
    assert said == [
        "found the name at the upstream pypi, 1 files, which has it from now on",
        "claimed the name demo",
        "adopted the name from the upstream pypi for ann: we patch it",
    ]


def test_strangers_learn_of_hosted_and_upstream_names_and_of_nothing_else(app: App) -> None:
    pull(app)
    claim(app, "mine")
    app.do(prohibit, Prohibit("forbidden", "no"))
    with app.database.read() as sql:
        told = {
            wanted: (said.hosted, said.upstream)
            for wanted in ("mine", "demo", "forbidden", "acme-secret", "nobody")
            for said in [public_owner(sql, ProjectName(wanted))]
        }
    assert told == {
        "mine": (True, ""), "demo": (False, "pypi"), "forbidden": (False, ""), "acme-secret": (False, ""),
        "nobody": (False, ""),
    }  # fmt: skip
