"""The registries are filled before any test of the catalogue is collected."""

import os

from workers.catalogue.load import load

load(os.environ.get("WHYDEEP_COMPONENTS"))  # an operator's components meet the same contract
