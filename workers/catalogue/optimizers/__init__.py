"""The optimizers of the catalogue, one file each."""
