"""The experiment system, complete without the web."""
