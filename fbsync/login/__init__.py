"""`fbsync login` and `fbsync logout`: the OAuth dance, and what follows it."""
