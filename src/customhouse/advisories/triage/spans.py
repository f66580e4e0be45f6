"""Which versions of a package a record speaks of, and whether that ends somewhere; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from customhouse.advisories.triage.known import squeezed
from customhouse.formats.cve.model import CveRecord, Product, Span
from customhouse.formats.cve.version_words import spans_of_field, spans_of_sentences, versions_named
from customhouse.terms.names import normalize
from customhouse.terms.versions import version_of

_NO_RELEASES = frozenset({"git", "rpm", "deb", "apk"})


@dataclass(frozen=True, slots=True)
class Ranges:
    """The affected versions, and what is wrong with them: codes of `STOPS`."""

    spans: tuple[Span, ...] = ()
    stops: tuple[str, ...] = ()

    @property
    def edges(self) -> tuple[str, ...]:
        """Every version that is named as an edge."""
        every = (edge for one in self.spans for edge in (one.introduced, one.fixed, one.last))
        return tuple(dict.fromkeys(edge for edge in every if edge not in ("", "0")))


def ranges_for(record: CveRecord, name: str, display: str) -> Ranges:
    """What the record says of one package: its issuer's ranges, then others', then what the sentences say.

    The first that ends is taken. If none ends, the first that says anything, with the reason why it is not enough.
    """
    worst: Ranges | None = None
    for spans in _sources(record, name, display):
        ranges = _checked(tuple(dict.fromkeys(spans)))
        if not ranges.stops:
            return ranges
        worst = worst or ranges
    return worst or Ranges(stops=("no-versions",))


def _sources(record: CveRecord, name: str, display: str) -> Iterator[tuple[Span, ...]]:
    own = [one for one in record.products if _names(one, name, display)]
    for issuer in ("cna", "adp", "nvd"):
        of_issuer = [one for one in own if one.issuer == issuer]
        every = [one for one in record.products if one.issuer == issuer and one.spans]
        if not own and len({(one.vendor, one.name) for one in every}) == 1:
            of_issuer = every
        spans = tuple(span for one in of_issuer for span in one.spans if span.kind not in _NO_RELEASES)
        if spans:
            yield spans
    said = spans_of_sentences(record.text)
    if said:
        yield said
    elif len(alone := versions_named(record.description)) == 1:
        yield spans_of_field(alone[0])


def _names(product: Product, name: str, display: str) -> bool:
    spelled = {squeezed(name), squeezed(display)}
    tails = (product.package, product.name, product.name.rpartition("/")[2], product.package.rpartition("/")[2])
    return any(squeezed(one) in spelled for one in tails if one) or any(
        normalize(cpe.product) == name for cpe in product.cpes
    )


def _checked(spans: tuple[Span, ...]) -> Ranges:
    stops = []
    edges = [edge for one in spans for edge in (one.introduced, one.fixed, one.last) if edge]
    if any(version_of(edge) is None for edge in edges) or any(_contradicts(one) for one in spans):
        stops.append("odd-versions")
    if not all(one.bounded for one in spans):
        stops.append("open-range")
    if all(one.single for one in spans):
        stops.append("one-version")
    return Ranges(spans, tuple(stops))


def _contradicts(span: Span) -> bool:
    first, fixed, last = version_of(span.introduced), version_of(span.fixed), version_of(span.last)
    if first is None:
        return False
    return (fixed is not None and fixed <= first) or (last is not None and last < first)
