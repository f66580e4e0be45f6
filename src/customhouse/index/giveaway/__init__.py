"""Security keys given to those who look after critical projects: a pool of codes, each shown to one person."""
