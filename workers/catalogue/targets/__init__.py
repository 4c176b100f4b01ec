"""The targets of the catalogue, one file each."""
