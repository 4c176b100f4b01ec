"""Path converters: what an id in a URL looks like."""

from typing import Any

from werkzeug.routing import BaseConverter


class IdConverter(BaseConverter):
    """An id as the database makes them; anything else is no address here, so it never reaches a query."""

    regex = "[a-z]{3}_[0-9A-HJKMNP-TV-Z]{26}"


def id_schema(_converter: Any) -> dict[str, Any]:
    """Return the JSON Schema of an id, for the documentation."""
    return {"type": "string", "pattern": f"^{IdConverter.regex}$"}
