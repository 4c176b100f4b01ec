"""The schedules of the catalogue, one file each."""
