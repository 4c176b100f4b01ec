"""Tests of the statistics, against closed forms, scipy and implementations of their own."""
