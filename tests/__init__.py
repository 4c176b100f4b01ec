"""Tests of whydeep; a package, so that no other one named tests hides it."""
