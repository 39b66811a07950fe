"""The acknowledging half: from the connection to the commit (Starlette on uvicorn)."""
