"""The HTTP face of the experiment system: request in, JSON out."""
