"""`fbsync` that looks at its backlog several times a second: python -m tests.quick_looks listen"""

import fbsync.backlog
from fbsync.cli import main

if __name__ == "__main__":
    fbsync.backlog.LOOK_SECONDS = 0.2
    fbsync.backlog.REST_FACTOR = 1  # a slow machine's looks are long
    main()
