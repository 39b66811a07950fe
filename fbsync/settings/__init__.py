"""What the environment and `.env` say, a group of settings for each concern."""
