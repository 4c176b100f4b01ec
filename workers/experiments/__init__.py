"""What an experiment is: its spec, its life and what comes out of it."""
