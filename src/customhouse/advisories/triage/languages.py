"""Words that tell the language of a program, and addresses and registries that tell it better; pure.

Words are phrases rather than single words wherever the single word is common prose: what a browser executes is always
JavaScript, and an exploit is often a Python script, whatever the program is written in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NOUN = (
    r"(?:package|packages|library|libraries|module|modules|framework|client|SDK|bindings?|wrapper|toolkit|application|"
    r"app|project|projects|implementation|interface|API|server|tool|tools|program|utility|port|extension)"
)
_BETWEEN = r"(?:[A-Za-z0-9/+-]+\s+){0,3}"

PYTHON_HINTS = (
    "python", "pypi", "pip", "django", "flask", "wagtail", "plone", "jupyter", "fastapi", "pyramid", "sphinx", "pytest",
    "pypa", "wsgi", "asgi",
)  # fmt: skip
"""Without one of these in it, in lower case, no text states that something is for Python."""
PYTHON_STATED = re.compile(
    rf"\bPython(?:\s*[23](?:\.\d+)?)?[\s-]+{_BETWEEN}{_NOUN}\b"
    rf"|\b{_NOUN}\s+{_BETWEEN}(?:for|in|of)\s+(?:the\s+)?Python\b"
    r"|\b(?:written|implemented|developed|coded)\s+(?:purely\s+|entirely\s+)?in\s+(?:pure\s+)?Python\b"
    r"|\bfor\s+Python(?:\s*[23](?:\.\d+)?)?\b(?!\s+(?:script|file|code))|\bpure[- ]Python\b|\bPython-based\b"
    r"|\bPyPI\b|\bPython\s+Package\s+Index\b|\bpip3?\s+install\b"
    rf"|\b(?:Django|Flask|Wagtail|Plone|Jupyter|FastAPI|Pyramid|Sphinx|pytest)\s+{_BETWEEN}{_NOUN}\b"
    r"|\bPyPA\b|\b[WA]SGI\b",
    re.IGNORECASE,
)
PYTHON_WORDS = re.compile(
    r"\b(?:Python|Django|Flask|Wagtail|FastAPI|Starlette|Uvicorn|Gunicorn|Twisted|Tornado|Celery|SQLAlchemy|Jinja2?|"
    r"Pydantic|asyncio|pickle|unpickl\w+|cPickle|PyYAML|Jupyter\w*|IPython|NumPy|pandas|SciPy|PyTorch|TensorFlow|"
    r"virtualenv|setuptools|conda|Anaconda|Zope|Plone|OpenStack|LLM)\b"
    r"|\bscikit-\w+|\b__(?:init|main|import|class|globals|builtins)__\b|\bsetup\.py\b|\brequirements\.txt\b"
)
PYTHON_FILES = re.compile(r"[A-Za-z0-9_/]{1,100}\.py\b(?!\w)")

OTHER_WORDS: Mapping[str, re.Pattern[str]] = {
    "JavaScript": re.compile(
        rf"\bnpm\b|\bNode\.?js\b|\b(?:JavaScript|TypeScript)\s+{_BETWEEN}(?:compiler|runtime|package|library|framework|module|client|SDK)\b"
        r"|\bDeno\b|\bNext\.js\b|\bVue\.js\b|\bAngularJS\b|\bElectron\s+app|\bjQuery\b|\byarn\s+add\b"
        r"|\b[Nn]ode\s+package\b|\bbuilt\s+on\s+Node"
    ),
    "Java": re.compile(
        rf"\bMaven\b|\b[\w-]{{1,100}}\.jar\b|\bJava\s+{_BETWEEN}(?:{_NOUN}|servlet)\b|\bJVM\b"
        r"|\bSpring\s+(?:Boot|Framework|Security)\b"
        r"|\bTomcat\b|\bJenkins\b|\bGradle\b|\bJNDI\b|\bKotlin\b|\bScala\b|\borg\.[a-z]+\.[a-z]+\b|\bJDBC\b|\bJava\s+classes\b"
    ),
    "Go": re.compile(
        r"\b[Gg]olang\b|\bGo\s+(?:module|package|library|implementation|client|program|SDK)s?\b|\b(?:written|implemented)\s+in\s+Go\b|\bgoroutines?\b"
    ),
    "Rust": re.compile(
        r"\bRust\s+(?:crate|library|package|module|implementation|bindings?)s?\b|\bcrates\.io\b|\bin\s+Rust\b|\bcargo\s+(?:add|install|build)\b|\bcrate\s+(?:before|for)\b"
    ),
    "PHP": re.compile(
        r"\bPHP\b|\bWordPress\b|\bDrupal\b|\bJoomla\b|\bLaravel\b|\bSymfony\b|\bPackagist\b|\bMoodle\b|\bMagento\b|\bTYPO3\b|[\w/]{1,100}\.php\b"
    ),
    "Ruby": re.compile(
        r"\bRuby\s+(?:on\s+Rails|gem|library|implementation)s?\b|\bRubyGems?\b|\bRails\b|\b[Gg]em\s+(?:before|for)\b"
    ),
    ".NET": re.compile(r"(?<!\w)\.NET\b|\bASP\.NET\b|\bNuGet\b|(?<!\w)C#(?!\w)|\bVisual\s+Basic\b"),
    "C": re.compile(
        rf"\b(?:ANSI\s+)?C(?:\+\+|/C\+\+)?\s+{_BETWEEN}(?:library|implementation|toolkit)\b|\b(?:written|implemented)\s+in\s+C(?:\+\+)?(?!\w)"
    ),
    "system": re.compile(
        r"\bLinux\s+kernel\b|\bBIOS\b|\bUEFI\b|\b[Ff]irmware\b|\b[Rr]outers?\b|\bAndroid\b|\biOS\b|\biPadOS\b|\bmacOS\b|\bSIMATIC\b|\bChipset\b|\bERP\b"
        r"|\bMicrosoft\s+(?:Windows|Office|Exchange|SharePoint|Edge|SQL)\b|\bWindows\s+(?:Server|kernel|driver)\b|\bAIX\b"
    ),
}
"""Other languages; ``system`` is what is no package at all."""

PYPI_HOSTS = frozenset({"pypi.org", "pypi.python.org", "www.pypi.org", "test.pypi.org", "files.pythonhosted.org"})
OTHER_REGISTRIES = re.compile(
    r"https?://(?:www\.)?(?:"
    r"(?:registry\.)?npmjs\.(?:com|org)|rubygems\.org|crates\.io|packagist\.org|(?:[a-z]+\.)?wordpress\.org/(?:plugins|themes)"
    r"|(?:repo1?\.)?maven\.(?:apache\.)?org|repo\.maven\.apache\.org|search\.maven\.org|mvnrepository\.com|central\.sonatype\.com"
    r"|(?:www\.)?nuget\.org|pkg\.go\.dev|(?:plugins|updates)\.jenkins\.io|hex\.pm|pub\.dev|cocoapods\.org|cran\.r-project\.org"
    r"|hackage\.haskell\.org|metacpan\.org|marketplace\.visualstudio\.com)",
    re.IGNORECASE,
)
OTHER_DATABASES = re.compile(
    r"SNYK-(?:JS|JAVA|RUBY|PHP|GOLANG|GO|DOTNET|RUST|COCOAPODS|SWIFT|UNMANAGED|HEX|DART)-[A-Z0-9]+-\d+|rustsec\.org|RUSTSEC-\d|"
    r"pkg\.go\.dev/vuln|github\.com/rubysec|wordfence\.com|wpscan\.com|patchstack\.com|plugins\.trac\.wordpress\.org|"
    r"jenkins\.io/security|drupal\.org/sa-|FriendsOfPHP|git\.kernel\.org",
    re.IGNORECASE,
)
_SNYK_PYTHON = re.compile(r"SNYK-PYTHON-(?P<name>[A-Z0-9]+)-\d+", re.IGNORECASE)
_PYPA_DATABASE = re.compile(
    r"github\.com/pypa/advisory-database/.*?/vulns/(?P<name>[A-Za-z0-9._-]+)/PYSEC-", re.IGNORECASE
)
PYPI_PROJECT = re.compile(
    r"https?://(?:www\.|test\.)?(?:pypi\.org/(?:project|p)|pypi\.python\.org/(?:pypi|project))/(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,99})",
    re.IGNORECASE,
)
PYTHON_ENDING = re.compile(r"\.py\b")
"""What a text must hold before it is worth looking for such files: a search that begins with a dot takes no time."""
_OTHER_SUFFIXES = r"\.(?P<suffix>go|rs|java|php|rb|cs|jsp|aspx|kt|scala|swift|asp)\b"
OTHER_FILES = re.compile(rf"[\w/-]{{1,100}}{_OTHER_SUFFIXES}(?![\w-]|\.\w)")
OTHER_ENDING = re.compile(_OTHER_SUFFIXES)
"""Files of programs in other languages. C and JavaScript are not among them: many Python packages contain some."""
PYTHON_NAMES = re.compile(r"(?:python|django|flask|pytest|jupyter|sphinx)-.+|.+-(?:python|py)|py(?:thon)?[a-z0-9-]{3,}")
"""Names, normalised, that say what they are for."""
INTERPRETER = re.compile(
    r"^(?:[^.\n]{0,120}?\b(?:in|of|for|affects?|The)\s+)?(?:C?Python)(?:['’]s)?\s+"
    r"(?:\d[\w.]*|before|through|versions?|prior|interpreter|standard\s+library|core|<)",
    re.IGNORECASE,
)
"""The text's subject is Python itself."""
CPYTHON_ADDRESSES = re.compile(
    r"bugs\.python\.org|github\.com/python/cpython|mail\.python\.org/archives/list/security-announce|docs\.python\.org/\S*whatsnew",
    re.IGNORECASE,
)
VENDOR_DISPUTES = re.compile(
    r"\bNOTE:\s[^.]{0,200}\b(?:disput\w+|does\s+not\s+(?:agree|consider|believe)|not\s+a\s+(?:vulnerability|security))",
    re.IGNORECASE,
)
BUNDLED = re.compile(r"\bas\s+used\s+in\b|\bbundled\s+(?:in|with)\b|\bin\s+(?:the\s+)?third-party\b", re.IGNORECASE)


def package_in_database(url: str) -> re.Match[str] | None:
    """The page of a package's vulnerability in a database that is ordered by packages of Python."""
    lowered = url.lower()
    if "snyk-python-" in lowered:
        return _SNYK_PYTHON.search(url)
    return _PYPA_DATABASE.search(url) if "/pypa/advisory-database/" in lowered else None
