"""The simulations of the catalogue, one file each."""
