"""What an experiment can be made of, readable without torch."""
