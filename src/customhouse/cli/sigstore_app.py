"""``customhouse sigstore``: the table of its commands, by import string."""

from __future__ import annotations

from cyclopts import App

app = App(name="sigstore", help="The private Sigstore: its trust root, its log, witnesses.")
_COMMANDS = (
    ("trust", "sigstore_trust:trust", "Print the trust root and the client's trust config."),
    ("keys", "sigstore_keys:keys", "Which keys there are; make them, rotate them."),
    ("restored", "sigstore_restored:restored", "Does the database have all that the logs have shown?"),
    ("monitor", "sigstore_log:monitor", "Follow the log: is it consistent, who has signed?"),
    ("witness", "sigstore_log:witness", "Co-sign a log's checkpoints, after checking that it only grew."),
)  # fmt: skip
for _name, _where, _help in _COMMANDS:
    app.command(f"customhouse.cli.{_where}", name=_name, help=_help)
