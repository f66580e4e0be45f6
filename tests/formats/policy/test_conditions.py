"""Each kind of condition on each kind of fact: yes, no, and "that is not known"."""

from __future__ import annotations

from datetime import timedelta

import pytest

from customhouse.formats.policy.signals import Fix, Publisher, Vulnerability
from policies import NOW, Known, ago, decided, known, policy, rule

YES, NO, UNKNOWN = "deny", "allow", "hold"


def _asked(condition: str, facts: Known, *, name: str = "demo", version: str = "1.0") -> str:
    """What a rule does that denies on this condition and holds if that is not known."""
    return decided(policy(rule(f'deny-if.{condition}\nunknown = "hold"')), facts, name=name, version=version).action


LOW = Vulnerability("PYSEC-1", severity="low", score=2.0, fixed_in=("2",))
HIGH = Vulnerability("PYSEC-2", ("CVE-2026-2",), "high", 8.1, likelihood=0.7)
KEV = Vulnerability("PYSEC-3", severity="critical", score=9.8, exploited=True, fixed_in=("3",))
UNSAID = Vulnerability("PYSEC-4", fixed_in=("4",))
WEBP = Vulnerability("CVE-2023-4863", severity="high", library="libwebp 1.3.1")
GITHUB = Publisher("GitHub", "Acme/web", verified=True)


@pytest.mark.parametrize(
    ("condition", "value", "answer"),
    [
        ('age = "< 7d"', ago(days=6, hours=23), YES), ('age = "< 7d"', ago(days=7), NO), ('age = "<= 7d"', ago(days=7), YES),
        ('age = "> 7d"', ago(days=7), NO), ('age = ">= 7d"', ago(days=7), YES), ('age = "< 3h"', ago(hours=2), YES),
        ('age = "< 2w"', ago(days=13), YES), ('age = "< 1y"', ago(days=365), NO), ('age = "< 7d"', NOW + timedelta(days=9999), YES),
        ('age = "missing"', ago(days=1), NO), ("age = { missing = true }", None, YES), ("age = { missing = false }", ago(days=1), YES),
        ('age = ["< 1d", "> 10d"]', ago(days=11), YES), ('age = ["< 1d", "> 10d"]', ago(days=5), NO), ('age = "< 7d"', "no moment", UNKNOWN),
        ('downloads = "< 1000"', 999, YES), ('downloads = "< 1_000"', 1000, NO), ('downloads = ">= 1000"', 1000, YES),
        ("owners = 1", 1, YES), ("owners = { is = 1 }", 2, NO), ('owners = ["< 2", "> 9"]', 10, YES), ('owners = "< 2"', "one", UNKNOWN),
        ('downloads = "< 1000"', None, NO), ('downloads = "< 10"', True, UNKNOWN),
        ('size = "> 100MB"', 100_000_001, YES), ('size = "> 100MB"', 100_000_000, NO), ('size = ">= 1 KiB"', 1024, YES), ('size = "> 1.5kB"', 1501, YES),
        ("yanked = true", True, YES), ("yanked = true", False, NO), ("yanked = false", False, YES), ("yanked = { is = true }", True, YES), ("yanked = true", "yes", UNKNOWN),
        ('kind = "sdist"', "sdist", YES), ('kind = "sdist"', "wheel", NO), ('kind = { not-in = ["wheel"] }', "sdist", YES),
        ('status = ["archived", "deprecated"]', "deprecated", YES), ('status = { is = "active" }', "archived", NO),
        ('owner-2fa = "none"', "none", YES), ('owner-2fa = ["none", "any"]', "all", NO),
        ("similar-to = true", "requests", YES), ("similar-to = true", None, NO), ("similar-to = true", "", NO), ('similar-to = "req_*"', "req-uests", YES),
        ('upstream = "pypi"', "pypi", YES), ('upstream = { not-in = ["pypi", "acme"] }', "other", YES), ('filename = "*-win32.whl"', "a-1-py3-none-WIN32.whl", YES),
        ('upstream = { matches = "py*" }', "pypi", YES),
        ('archive = "pth-file"', frozenset(("pth-file", "tags-differ")), YES), ('archive = "pth-file"', frozenset(("tags-differ",)), NO),
        ('archive = { not-in = ["tags-differ"] }', frozenset(("tags-differ", "pth-file")), YES), ('archive = { not-in = ["tags-differ"] }', frozenset(("tags-differ",)), NO),
        ("archive = true", frozenset(), NO), ('archive = ["new-*", "pth-file"]', frozenset(("new-script",)), YES), ('archive = "pth-file"', 5, UNKNOWN),
        ("vulns = true", (LOW,), YES), ("vulns = true", (), NO), ("vulns = false", (), YES), ('vulns = ">= high"', (LOW, HIGH), YES), ('vulns = ">= high"', (LOW,), NO),
        ('vulns = "high"', (KEV,), NO), ('vulns = ["low", "critical"]', (KEV,), YES), ('vulns = { severity = ["low", "high"] }', (HIGH,), YES),
        ('vulns = { severity = "< high" }', (LOW,), YES), ('vulns = { severity = "<= low" }', (HIGH,), NO),
        # One vulnerability must be all that is asked for: that of the highest severity has no fix, the one with a fix is low.
        ('vulns = { severity = ">= high", has-fix = true }', (LOW, HIGH), NO), ('vulns = { severity = ">= high", has-fix = true }', (LOW, KEV), YES),
        ('vulns = { severity = ">= high", has-fix = true }', (UNSAID,), UNKNOWN), ('vulns = { severity = ">= high", has-fix = false }', (UNSAID,), NO),
        ('vulns = { severity = ">= high" }', (UNSAID, HIGH), YES), ('vulns = { severity = "unknown" }', (UNSAID,), YES),
        ('vulns = { score = ">= 7" }', (HIGH,), YES), ('vulns = { score = ">= 9" }', (HIGH,), NO), ('vulns = { cvss = ">= 7" }', (UNSAID,), UNKNOWN),
        ("vulns = { exploited = true }", (KEV,), YES), ("vulns = { kev = true }", (HIGH,), NO), ("vulns = { kev = true }", (Vulnerability("CVE-1", exploited=None),), UNKNOWN), ('vulns = { epss = ">= 0.5" }', (HIGH,), YES), ('vulns = { epss = ">= 0.5" }', (LOW,), UNKNOWN),
        ('vulns = { id = "CVE-2026-2" }', (HIGH,), YES), ('vulns = { id = ["cve-2026-*", "x"] }', (HIGH,), YES), ('vulns = { id = "CVE-2026-3" }', (HIGH,), NO),
        ('vulns = [{ kev = true }, { severity = "low" }]', (LOW,), YES), ('vulns = ">= high"', "many", UNKNOWN),
        ('bundled.vulns = { library = "libwebp" }', (WEBP,), YES), ('bundled-vulnerabilities = { library = "openssl" }', (WEBP,), NO),
        ("attested = true", GITHUB, YES), ("attested = true", None, NO), ("attested = false", None, YES), ("attested = false", GITHUB, NO),
        ('attested = "GitHub"', GITHUB, YES), ('attested = "gitlab"', GITHUB, NO), ('attested = { publisher = "GitHub", repository = "acme/*" }', GITHUB, YES),
        ('attested = { repository = "acme/api" }', GITHUB, NO), ('attested = { repository = "acme/*", not = true }', Publisher("GitHub", "evil/web", True), YES),
        ('attested = { repository = "acme/*", not = true }', None, YES), ('attested = { repository = "acme/*", not = true }', GITHUB, NO),
        ("attested = { verified = true }", Publisher("GitHub", "acme/web"), NO), ("attested = { verified = false }", Publisher("GitHub", "acme/web"), YES),
        ('attested = [{ repository = "a/*" }, "GitHub"]', GITHUB, YES),
        # Licences: whoever may choose need not take the one that is not wanted.
        ('licence = ["GPL-*"]', "GPL-3.0-only", YES), ('licence = ["GPL-*"]', "MIT OR GPL-3.0-only", NO), ('licence = ["GPL-*"]', "MIT AND GPL-3.0-only", YES),
        ('licence = ["GPL-*"]', "(MIT OR GPL-3.0-only) AND GPL-2.0-only", YES), ('licence = ["GPL-*"]', "MIT OR GPL-3.0-only AND Apache-2.0", NO),
        ('licence = ["GPL-*"]', "(MIT OR GPL-3.0-only) AND (Apache-2.0 OR GPL-3.0-only)", NO), ('licence = "GPL-3.0-only"', "GPL-3.0", YES), ('licence = "GPL-3.0-or-later"', "gpl-3.0+", YES),
        ('licence = { not-in = ["MIT", "Apache-2.0"] }', "MIT", NO), ('licence = { not-in = ["MIT", "Apache-2.0"] }', "mit or LicenseRef-odd", NO),
        ('licence = { not-in = ["MIT", "Apache-2.0"] }', "MIT AND LicenseRef-odd", YES), ('licence = { not-in = ["MIT", "Apache-2.0"] }', "MIT AND Apache-2.0", NO),
        ('licence = { not-in = ["Apache-2.0"] }', "Apache-2.0 WITH LLVM-exception", NO), ('licence = "GPL-2.0-only"', "GPL-2.0-only WITH Classpath-exception-2.0", YES),
        ('licence = "GPL-2.0-only WITH Classpath-exception-2.0"', "GPL-2.0-only WITH Classpath-exception-2.0", YES),
        ('licence = "GPL-2.0-only WITH Classpath-exception-2.0"', "GPL-2.0-only", NO), ('licence = "MIT"', "no licence at all", UNKNOWN),
        ('licence = "MIT"', None, UNKNOWN), ('licence = "missing"', None, YES), ('licence = "LicenseRef-Acme"', "LicenseRef-acme", YES), ('licence = "MIT"', "(" * 400 + "MIT" + ")" * 400, UNKNOWN),
    ],
)  # fmt: skip
def test_a_condition_on_a_fact(condition: str, value: object, answer: str) -> None:
    signal = condition.partition(" =")[0]
    name = {"vulns": "vulnerabilities", "bundled.vulns": "bundled_vulnerabilities"}.get(
        signal, signal.replace("-", "_")
    )
    assert _asked(condition, known(**{name: value})) == answer
    if "missing" not in condition:
        assert _asked(condition, known()) == UNKNOWN


@pytest.mark.parametrize(
    ("condition", "version", "answer"),
    [
        ('version = "<2"', "1.9", YES), ('version = "<2"', "2.0", NO), ('version = ">=1,<2"', "1.5rc1", YES), ('version = "1.4"', "1.4.0", YES),
        ('version = ["==1.4", "==1.5"]', "1.5", YES), ('version = { not-in = ">=2" }', "1.0", YES), ('version = "<2"', "none", UNKNOWN),
    ],
)  # fmt: skip
def test_conditions_on_the_release(condition: str, version: str, answer: str) -> None:
    assert _asked(condition, known(), version=version) == answer


@pytest.mark.parametrize(
    ("condition", "name", "answer"),
    [('name = "acme-*"', "acme-web", YES), ('name = "Acme_*"', "acme-web", YES), ('name = { not-in = ["acme-*"] }', "acme-web", NO)],
)  # fmt: skip
def test_conditions_on_the_name(condition: str, name: str, answer: str) -> None:
    assert _asked(condition, known(), name=name) == answer


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        ({"age": ago(days=1), "yanked": True}, YES), ({"age": ago(days=1), "yanked": False}, NO), ({"age": ago(days=9)}, NO),
        ({"yanked": False}, NO), ({"age": ago(days=1)}, UNKNOWN), ({"yanked": True}, UNKNOWN), ({}, UNKNOWN),
    ],
)  # fmt: skip
def test_of_several_conditions_all_must_hold_and_one_that_does_not_settles_it(
    facts: dict[str, object], answer: str
) -> None:
    assert _asked('age = "< 7d"\ndeny-if.yanked = true', known(**facts)) == answer


def test_of_several_tables_one_must_hold() -> None:
    two = policy(
        '[[rule]]\nname = "r"\n[[rule.deny-if]]\nage = "< 7d"\nkind = "sdist"\n[[rule.deny-if]]\nyanked = true'
    )
    assert decided(two, known(age=ago(days=1), kind="sdist", yanked=False)).action == "deny"
    assert decided(two, known(age=ago(days=9), kind="sdist", yanked=True)).action == "deny"
    assert decided(two, known(age=ago(days=1), kind="wheel", yanked=False)).action == "allow"


WAIT = rule('hide-if.age = "< 7d"\nunless.fixes = "high"')
FIX = Fix("PYSEC-9", "high", ago(days=2), third_party=True)
GUARDED = {
    "age": ago(hours=25), "fixes": (FIX,), "attested": GITHUB, "publisher-changed": False, "provenance-lost": False
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "action"),
    [
        ({}, "allow"),
        ({"fixes": (Fix("PYSEC-9", "critical", ago(days=2), True),)}, "allow"),
        ({"fixes": (Fix("PYSEC-9", "medium", ago(days=2), True),)}, "hide"),
        ({"fixes": (Fix("PYSEC-9", "unknown", ago(days=2), True),)}, "hide"),
        ({"fixes": ()}, "hide"),
        ({"fixes": None}, "hide"),
        # An advisory that the project wrote itself is what a thief would write.
        ({"fixes": (Fix("PYSEC-9", "high", ago(days=2), False),)}, "hide"),
        ({"attested": None}, "hide"),
        ({"attested": Publisher("GitHub", "acme/web", verified=False)}, "hide"),
        ({"publisher-changed": True}, "hide"),
        ({"publisher-changed": None}, "hide"),
        ({"provenance-lost": True}, "hide"),
        ({"age": ago(hours=23)}, "hide"),
    ],
)  # fmt: skip
def test_a_security_fix_passes_over_the_wait_only_with_every_guard(change: dict[str, object], action: str) -> None:
    assert decided(policy(WAIT), known(**{**GUARDED, **change})).action == action


@pytest.mark.parametrize("left_out", ["fixes", "attested", "publisher-changed"])
def test_a_guard_that_is_not_known_does_not_hold(left_out: str) -> None:
    assert (
        decided(policy(WAIT), known(**{key: one for key, one in GUARDED.items() if key != left_out})).action == "hide"
    )


def test_provenance_alone_never_waives_the_wait() -> None:
    facts = known(**{**GUARDED, "fixes": ()})
    assert decided(policy(WAIT), facts).action == "hide"


def test_a_fix_of_a_few_hours_is_let_in_by_somebodys_review() -> None:
    review = '[[exception]]\npackage = "demo"\nversion = "==1.0"\nrules = ["r"]\nreason = "read the difference"\nowner = "bob"\nexpires = 2026-12-05\n'
    facts = known(**{**GUARDED, "age": ago(hours=2)})
    assert decided(policy(WAIT), facts).action == "hide"
    assert decided(policy(WAIT + review), facts).action == "allow"
    assert decided(policy(WAIT + review), facts, version="1.1").action == "hide"
