"""Training many small networks: the engine beside its peers, in one run."""
