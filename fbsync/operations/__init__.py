"""For who runs it: health, readiness and metrics, on an address of their own."""
