"""One file per noun of the URL."""
