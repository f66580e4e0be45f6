"""What an index or a disk says when it says no, in the words of a release: `Problem`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from customhouse.client.patience import Stopped
from customhouse.client.problem import Declined
from customhouse.release.actions import Problem
from customhouse.terms.errors import Refused, Rejected, Unavailable


@contextmanager
def our_words(place: str, next_step: str = "") -> Iterator[None]:
    """Turn what the client raises into a `Problem` at this place."""
    try:
        yield
    except Declined as declined:
        raise Problem(declined.code or "declined", str(declined), place=place, next_step=next_step) from declined
    except Refused as refused:
        raise Problem(refused.code, refused.sentence, refused.accepted, place=place, next_step=next_step) from refused
    except Rejected as rejected:
        saw = f"{rejected.where}: {rejected.why}" if rejected.where else rejected.why
        raise Problem(rejected.code, saw, rejected.accepted, place=place, next_step=next_step) from rejected
    except Unavailable as away:
        raise Problem("unavailable", f"{away.who}: {away.why}", place=place, next_step="Try again later.") from away
    except Stopped as stopped:
        raise Problem("stopped", "it was interrupted", place=place, next_step="Take the run up again.") from stopped
