"""What the long-running commands say: lines of text or JSON, and a way out that never waits."""
