"""The Graph API: calls, what they answer, and what fbsync asks of it (httpx)."""
