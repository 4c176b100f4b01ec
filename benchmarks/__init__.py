"""Measurements; each states its own usage."""
