"""The trainings of the catalogue, one file each."""
