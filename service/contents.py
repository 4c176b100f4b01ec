"""Bytes of artifacts, whole or in part (RFC 9110, sections 13 and 14)."""

from flask import Response, request
from werkzeug.datastructures import Range
from werkzeug.http import dump_options_header

from service.context import Context
from service.problems import ProblemError
from workers.database import queries
from workers.database.values import ArtifactView


def content_response(context: Context, artifact: ArtifactView) -> Response:
    """Return 200, 206 or 304 with the artifact's bytes; raise ProblemError 416 for a range beyond them."""
    response = Response(mimetype=artifact.media_type)
    response.set_etag(artifact.sha256)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    if request.if_none_match.contains(artifact.sha256):
        response.status_code = 304
        return response
    # Never shown in our origin, whatever the artifact holds.
    response.headers["Content-Disposition"] = dump_options_header("attachment", {"filename": artifact.name})
    start, stop = _asked(artifact)
    with context.database.read() as session:
        response.data = queries.content(session, artifact.sha256, offset=start, length=stop - start)
    if (start, stop) != (0, artifact.size_bytes):
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{artifact.size_bytes}"
    return response


def _asked(artifact: ArtifactView) -> tuple[int, int]:
    """Return the bytes [start, stop) that are asked for: all of them unless one valid range is."""
    everything = (0, artifact.size_bytes)
    asked: Range | None = request.range
    if request.method != "GET" or asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return everything
    if "If-Range" in request.headers and request.if_range.etag != artifact.sha256:
        return everything
    found = asked.range_for_length(artifact.size_bytes)
    if found is None:
        raise ProblemError(
            "range-not-satisfiable",
            f"The content has {artifact.size_bytes} bytes.",
            headers={"Content-Range": f"bytes */{artifact.size_bytes}"},
        )
    return found
