"""`fbsync` in a process that may open few files.

python -m tests.few_files 256 listen --port 5000
"""

import resource
import sys

from fbsync.cli import main

if __name__ == "__main__":
    limit = int(sys.argv.pop(1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    main()
