"""Who this machine is, as the service that runs it says: an ID token of OpenID Connect, if there is one to be had."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

TOKEN_VARIABLE = "CUSTOMHOUSE_OIDC_TOKEN"  # noqa: S105 - a variable's name
SIGNING_VARIABLE = "SIGSTORE_ID_TOKEN"
MAX_TOKEN = 65_536
_SERVICES = {
    "GITHUB_ACTIONS": "GitHub Actions",
    "GITLAB_CI": "GitLab CI",
    "BUILDKITE": "Buildkite",
    "CIRCLECI": "CircleCI",
    "GOOGLE_SERVICE_ACCOUNT_NAME": "Google Cloud",
}
_GOOGLE_HARDWARE = Path("/sys/class/dmi/id/product_name")


class NoIdentity(Exception):
    """The service could give an identity and does not: why, as a sentence."""


@dataclass(frozen=True, slots=True)
class Ambient:
    """Where an identity comes from. ``fetch`` takes the audience and returns an ID token; raises `NoIdentity`."""

    where: str
    fetch: Callable[[str], str]
    renewable: bool
    """Whether asking again gives another token, and not the one that has been used."""
    tailored: bool = True
    """Whether the audience that we name decides which token we get."""


def find_ambient(environment: Mapping[str, str], token_file: Path | None) -> Ambient | None:
    """The identity that was handed to us, or else that of the service that runs this machine. Asks nobody yet."""
    if token_file is not None:
        return Ambient(
            f"the ID token in {token_file}", lambda _audience: _from_file(token_file), renewable=True, tailored=False
        )
    if text := environment.get(TOKEN_VARIABLE, "").strip():
        return Ambient(f"the ID token in {TOKEN_VARIABLE}", lambda _audience: text, renewable=False, tailored=False)
    for variable, title in _SERVICES.items():
        if environment.get(variable):
            return Ambient(title, _detect, renewable=variable != "GITLAB_CI")
    if _on_google():
        return Ambient("Google Cloud", _detect, renewable=True)
    return None


def find_signer(environment: Mapping[str, str], token_file: Path | None) -> Ambient | None:
    """The identity to sign with.

    It is made out for Sigstore and not for the index, so one that was handed to us for the index comes last: it can
    serve only where a Sigstore of one's own takes the index's audience.
    """
    if text := environment.get(SIGNING_VARIABLE, "").strip():
        return Ambient(f"the ID token in {SIGNING_VARIABLE}", lambda _audience: text, renewable=False, tailored=False)
    others = {name: value for name, value in environment.items() if name != TOKEN_VARIABLE}
    return find_ambient(others, None) or find_ambient(environment, token_file)


def _on_google() -> bool:
    try:
        return _GOOGLE_HARDWARE.read_text().strip() in ("Google", "Google Compute Engine")
    except OSError:
        return False


def _detect(audience: str) -> str:
    """What the library ``id`` finds."""
    import id as ambient_id  # noqa: PLC0415 - loads an HTTP library that nobody else here needs

    try:
        found = ambient_id.detect_credential(audience)
    except ambient_id.GitHubOidcPermissionCredentialError as error:
        raise NoIdentity("GitHub gives this job no identity: it needs `permissions: id-token: write`.") from error
    except ambient_id.IdentityError as error:
        raise NoIdentity(f"No identity could be had: {plain(error)}.") from error
    if found is None:
        raise NoIdentity("No identity could be had from this machine.")
    return found


def _from_file(path: Path) -> str:
    """Read each time, because whoever runs us may put a new one there."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected("bad-token-file", "--oidc-token-file", f"{path} cannot be read: {error}") from error
    if not text or len(text) > MAX_TOKEN:
        raise Rejected("bad-token-file", "--oidc-token-file", f"{path} holds no ID token", "one JWT")
    return text
