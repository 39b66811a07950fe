"""`fbsync sync`: the poll of all pages, one run or again and again."""
