"""The public dashboard: how well accounts and critical projects are protected, counted once a day."""
