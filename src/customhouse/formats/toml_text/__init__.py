"""A TOML text that people wrote: where its keys stand, and errors that name the line and the key."""
