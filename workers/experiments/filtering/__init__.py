"""The filter language: text to conditions on experiments, without knowing where those are stored."""
