"""The architectures of the catalogue, one file each."""
