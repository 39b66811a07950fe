"""`fbsync subscribe`: both levels of Meta's webhooks, planned, applied and told."""
