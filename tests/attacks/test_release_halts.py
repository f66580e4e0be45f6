"""A release that is stopped, abandoned or killed while it becomes public: what strangers see is never forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.engine.conduct import Conductor
from customhouse.release.events import Aborting, Published, Restarted, Stopped
from customhouse.terms.errors import Refused
from toy_release import Outside, Toy, ToyWords, conductor, speak


class Gone(BaseException):
    """The process is gone."""


def killed_at(folder: Path, where: str) -> Conductor:
    """A run whose process was killed there, and another conductor that has not begun yet."""

    def at(place: str) -> None:
        if place == where:
            raise Gone

    with pytest.raises(Gone):
        conductor(folder, at=at).conduct()
    again = conductor(folder)
    assert again.state.steps["publish"].status == "running"
    return again


def published(made: Conductor) -> int:
    return sum(isinstance(line.event, Published) for line in made.lines)


def test_a_release_that_is_abandoned_after_a_crash_is_not_published_any_more(tmp_path: Path) -> None:
    made = killed_at(tmp_path, "before do: publish")
    abandon = Aborting("rm", "enough")
    with pytest.raises(Refused, match="must come to its end first"):
        speak(made, "rm", abandon)
    made.say([Stopped("looked", "something odd", "nothing odd")])
    state = made.conduct()
    assert (state.status, state.steps["publish"].status) == ("stopped", "failed")
    speak(made, "rm", abandon)
    assert made.conduct().status == "abandoned"
    assert Outside(tmp_path / "outside").read()["public"] == {}


def test_a_release_that_became_public_before_a_crash_is_known_to_be_when_the_run_stands_still(tmp_path: Path) -> None:
    made = killed_at(tmp_path, "after do: publish")
    made.say([Stopped("tampered:tag", "somebody was here", "nobody")])
    state = made.conduct()
    assert state.status == "stopped"
    assert state.published_at is not None
    assert published(made) == 1
    with pytest.raises(Refused, match="no way back"):
        speak(made, "rm", Restarted("commit", "once more", "rm"))


def test_a_publication_whose_answer_is_lost_is_known_to_have_happened(tmp_path: Path) -> None:
    class Lost(Toy):
        def do(self, run: StepRun) -> Outcome:
            self.do_it(run)
            raise Problem("unavailable", "no answer came", place="index")

    class Lossy(ToyWords):
        def _index_publish(self) -> Toy:
            made = super()._index_publish()
            return Lost(made.do_it, made.done)

        def action(self, name: str) -> Toy:
            return self._index_publish() if name == "index.publish" else super().action(name)  # type: ignore[return-value]

    words = Lossy(Outside(tmp_path / "outside"))
    made = conductor(tmp_path, words)
    state = made.conduct()
    assert (state.status, state.steps["publish"].status) == ("stopped", "failed")
    assert state.published_at is not None
    assert published(made) == 1
    with pytest.raises(Refused, match="no way back"):
        speak(made, "rm", Restarted("build", "once more", "rm"))
