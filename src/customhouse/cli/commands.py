"""The command table. Commands are named by import strings, so that ``--help`` and short commands load little."""

from __future__ import annotations

from cyclopts import App, CycloptsError, Group

from customhouse.cli.exit_codes import USAGE

RUN = Group.create_ordered("Run the index")
LET_IN = Group.create_ordered("Let packages in")
PUBLISH = Group.create_ordered("Publish, and look after projects")
SHIP = Group.create_ordered("Ship releases")
WRONG = Group.create_ordered("Know what is wrong")
PEOPLE = Group.create_ordered("People")
app = App(
    name="customhouse",
    help="The supply chain for Python packages that you can host yourself.",
    version_flags=["--version"],
)
app.command(
    "customhouse.cli.serve:serve", name="serve", group=RUN, help="Run the index: one supervisor, web workers, jobs."
)
app.command("customhouse.cli.serve:web", name="web", group=RUN, help="Run only the web workers (when scaled out).")
app.command("customhouse.cli.serve:work", name="work", group=RUN, help="Run only the jobs (when scaled out).")
app.command(
    "customhouse.cli.publish:publish", name="publish", group=PUBLISH,
    help="Publish releases: whole, staged first, resumed.",
    help_epilogue="Exit code 0: published, or staged as was asked; 1: a file is not as it must be; 2: usage; 3: a"
    " part, or people must approve; 4: the index or a service failed.",
)  # fmt: skip
app.command(
    "customhouse.cli.bundled:app", name="bundled", group=WRONG, help="Libraries inside of wheels: who bundles which."
)
app.command(
    "customhouse.cli.vex:app", name="vex", group=WRONG, help="Vulnerabilities that do not concern you, and until when."
)
app.command(
    "customhouse.cli.amend:amend", name="amend", group=PUBLISH, help="Say of a release that is out what it works with."
)
app.command(
    "customhouse.cli.amendment:app", name="amendment", group=PUBLISH, help="What was said so: list, withdraw, verify."
)
app.command("customhouse.cli.user:app", name="user", group=PEOPLE, help="Accounts.")
app.command(
    "customhouse.cli.project:app",
    name="project",
    group=PUBLISH,
    help="Yank, deprecate, delete, restore, quarantine, erase.",
)
app.command(
    "customhouse.cli.organization:app", name="organization", group=PEOPLE, help="Groups of people that hold projects."
)
app.command(
    "customhouse.cli.name:app", name="name", group=PUBLISH, help="Names: who owns one, prohibited ones, namespaces."
)
app.command("customhouse.cli.quota:app", name="quota", group=RUN, help="How large files and projects may be.")
app.command("customhouse.cli.token:app", name="token", group=PEOPLE, help="API tokens.")
app.command(
    "customhouse.cli.publisher:app",
    name="publisher",
    group=PUBLISH,
    help="Builds that publish without a stored secret.",
)
app.command("customhouse.cli.downloads:app", name="downloads", group=RUN, help="Download counts: import a CDN's logs.")
app.command(
    "customhouse.cli.advisory:app",
    name="advisory",
    group=WRONG,
    help="Known vulnerabilities: import them, see where they are from.",
)
app.command(
    "customhouse.cli.signals:app",
    name="signals",
    group=LET_IN,
    help="Facts for policies that upstreams do not publish: load them.",
)
app.command("customhouse.cli.blast:app", name="quarantine", group=WRONG, help="Who has fetched what is held back here.")
app.command("customhouse.cli.mail:app", name="mail", group=RUN, help="Letters to the disclosure desk: take them in.")
app.command(
    "customhouse.cli.case:app", name="case", group=WRONG, help="Cases: what people have reported, and the verdicts."
)
app.command(
    "customhouse.cli.triage:app", name="triage", group=WRONG, help="CVE records: which concern packages of Python."
)
app.command(
    "customhouse.cli.mandate:app", name="mandate", group=PEOPLE, help="Who must have a second factor, from when on."
)
app.command("customhouse.cli.giveaway:app", name="giveaway", group=PEOPLE, help="Security keys for maintainers.")
app.command("customhouse.cli.terms:app", name="terms", group=RUN, help="Terms of use, and how many agree to them.")
app.command(
    "customhouse.cli.recovery:app",
    name="recovery",
    group=PEOPLE,
    help="Cases of accounts whose factor is lost: read them.",
)
app.command(
    "customhouse.cli.domain:app", name="domain", group=RUN, help="Mail domains of accounts, and those that have lapsed."
)
app.command(
    "customhouse.cli.policy:app",
    name="policy",
    group=LET_IN,
    help="Policies: explain them, and try one before it counts.",
)
app.command("customhouse.cli.view:app", name="view", group=LET_IN, help="What consumers see: upstreams under a policy.")
app.command(
    "customhouse.cli.mirror:app",
    name="mirror",
    group=LET_IN,
    help="Upstreams: their state, fetching a lock beforehand.",
)
app.command("customhouse.cli.check:check", name="check", group=RUN, help="Test every invariant of this installation.")
app.command(
    "customhouse.cli.audit_app:app",
    name="audit",
    group=WRONG,
    help="What is known to be wrong with what is installed or locked.",
)
app.command(
    "customhouse.cli.lock:lock", name="lock", group=LET_IN,
    help="Make a lock through a view, and say what changed and why.",
    help_epilogue="Exit code 0: locked; 1: findings, or --check: out of date; 2: usage; 3: something could not be"
    " checked; 4: a service failed.",
)  # fmt: skip
app.command(
    "customhouse.cli.verify:verify",
    name="verify",
    group=LET_IN,
    help="Is every file of a lock still there, unchanged and let in?",
    help_epilogue="Exit code 0: yes; 1: no; 2: usage; 3: something could not be verified; 4: a service failed.",
)
app.command(
    "customhouse.cli.use:use",
    name="use",
    group=LET_IN,
    help="Have pip, uv and Poetry take packages from a view; undo it.",
)
app.command(
    "customhouse.cli.release_app:app", name="release", group=SHIP,
    help="Ship a release by a pipeline: people, gates, rebuilds, signatures, tag last.",
)  # fmt: skip
app.command(
    "customhouse.cli.sigstore_app:app", name="sigstore", group=SHIP,
    help="The private Sigstore: its trust root, its log, witnesses.",
)  # fmt: skip
app.command(
    "customhouse.cli.ledger:app", name="ledger", group=RUN, help="What happened here, as a chain of hashed entries."
)


def dispatch() -> object:
    """Run the command that the arguments name; its result, or `USAGE` for arguments that are none."""
    try:
        return app(exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        return USAGE
