"""The probes of the catalogue, one file each."""
