"""Who owns a name: this index, or which upstream; and how that changes."""
