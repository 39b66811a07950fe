"""The commands, one a file: parse, wire, call once, print. What each does lives in a module beside.

Heavy modules (fbsync.wiring with SQLAlchemy, httpx and cryptography, all above it, the listener,
the sandbox, the demo) are imported inside the functions, so that `fbsync --help` answers at once.

A new one gets its name in fbsync/command_group.py, which loads the one that is asked for.
"""
