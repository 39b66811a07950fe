"""fbsync keeps a live, verified copy of your Facebook Pages in DigitalOcean Spaces."""

__version__ = "0.3.0"
