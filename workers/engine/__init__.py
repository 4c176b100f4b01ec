"""Numerics: the only package that imports numpy, scipy and torch at module level."""
