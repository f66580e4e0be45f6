"""What a requirement says: one text for the page, for the letters and for the answer to an upload; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from customhouse.index.mandates.requirements import Because, Requirement, State

SHOWN = 10
_BEGINNING: Mapping[State, str] = {
    "enforced": "Since {day} you need {what}.",
    "warned": "From {day} on you need {what}.",
    "announced": "From {day} on you will need {what}.",
    "optional": "You may have {what}. Nobody requires it of you.",
}
_UPLOADS: Mapping[State, str] = {
    "enforced": "You have none: until you add one, your uploads there are refused.",
    "warned": "You have none yet: uploads pass until that day, and are refused from then on.",
    "announced": "You have none yet. Nothing changes before that day.",
    "optional": "You have none.",
}
_STAFF: Mapping[State, str] = {
    **_UPLOADS,
    "enforced": "You have none: until you add one, the operators’ pages stay closed to you.",
    "warned": "You have none yet: from that day on the operators’ pages are closed to you.",
}


def requirements_text(requirement: Requirement, site: str) -> str:
    """One requirement in plain words: what, from when on, why, whether it is met, and what to do.

    ``site`` is the address of this index without a slash at the end.
    """
    because = requirement.because
    parts = [_BEGINNING[requirement.state].format(day=_day(requirement.by), what=requirement.what)]
    if because is not None:
        parts.append(_why(because))
    if requirement.met:
        parts.append("You have one, so there is nothing to do.")
    elif requirement.exempt is not None:
        parts.append(f"You are let off until {_day(requirement.exempt.until)}. The reason: {requirement.exempt.reason}")
    else:
        staff = because is not None and because.mandate.scope == "staff"
        parts += [(_STAFF if staff else _UPLOADS)[requirement.state], f"Add one here: {site}/account/two-factor/"]
        if because is not None:
            parts.append(f"Security keys that are given away: {site}/account/keys/")
    return " ".join(parts)


def _why(because: Because) -> str:
    mandate, projects = because.mandate, because.projects
    said = f"The mandate “{mandate.title}” requires it of {mandate.covers}"
    if mandate.scope in ("project", "staff") or not projects:
        return f"{said}."
    return f"{said}; of yours it holds for {_listed(projects)}."


def _listed(names: Sequence[str]) -> str:
    """Some names, and how many more."""
    if len(names) > SHOWN:
        return f"{', '.join(names[:SHOWN])} and {len(names) - SHOWN} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _day(moment: datetime | None) -> str:
    return f"{moment:%-d %B %Y, %H:%M} UTC" if moment is not None else ""
