"""Whether a genuine token is a publisher: what its kind says, and the ids that were learned at the first use (A25)."""

from __future__ import annotations

from customhouse.trust.issuers import PublisherIssuer
from customhouse.trust.jwt import Claims
from customhouse.trust.providers.known import PROVIDERS
from customhouse.trust.providers.provider import ATTESTS_ONLY, Mismatch
from customhouse.trust.publishers import TrustedPublisher


def judge(issuer: PublisherIssuer, publisher: TrustedPublisher, claims: Claims) -> Mismatch | None:
    """What speaks against it; None if it is this publisher.

    Ids come first: a repository whose name somebody else has taken over is a stranger, whatever else is right.
    """
    if publisher.issuer != issuer.url or publisher.kind != issuer.kind:
        return Mismatch("other-claims", "iss", "is issued by somebody else")
    provider = PROVIDERS[issuer.kind]
    shown = provider.ids(issuer, claims)
    for name, known in publisher.learned.items():
        if known != shown.get(name, ""):
            return Mismatch(
                "other-ids", name,
                f"has the {name} {shown.get(name, '')[:80]!r} where this publisher's is {known!r}:"
                " another place has its name now",
            )  # fmt: skip
    wrong = provider.mismatch(issuer, publisher.settings, publisher.rules, claims)
    if wrong is None and publisher.attests_only:
        return Mismatch("broken-rule", ATTESTS_ONLY.name, "is a builder's, which attests here and publishes nothing")
    return wrong
