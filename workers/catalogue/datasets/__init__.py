"""The datasets of the catalogue, one file each."""
