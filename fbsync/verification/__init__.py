"""`fbsync sync --verify`: the store beside what the database believes, and its mending."""
