"""The mail domains of accounts: looked at every day, and what happens when one is lost."""
