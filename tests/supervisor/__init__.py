"""Tests of the supervisor, with real workers, brokers and databases."""
