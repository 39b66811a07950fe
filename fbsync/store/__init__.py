"""Where the copies go: Spaces or another S3 server, or a local folder of the same layout."""
