"""The second half of the hallway: from a marked page to its copy in the store."""
