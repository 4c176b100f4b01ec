"""What a statistic follows from, as one hash."""

import hashlib
import json
from typing import Any


def inputs_hash(inputs: Any) -> str:
    """Return sha256 of JSON values, NaN and infinity among them: equal for equal inputs, whatever their key order."""
    return "sha256:" + hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
