"""Measurements that docs/performance.md tells of: bench/listen, bench/drain and bench/memory."""
