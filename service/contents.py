"""Bytes of artifacts, whole or in part (RFC 9110, sections 13 and 14)."""

import re

from flask import Response, request
from werkzeug.http import dump_options_header

from service.context import Context
from service.problems import ProblemError
from workers.database import queries
from workers.database.values import ArtifactView

ONE_RANGE = re.compile(r"bytes=(?=\d|-\d)(\d{0,18})-(\d{0,18})", re.ASCII)


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
    """Return the bytes [start, stop) that are asked for: all of them unless one valid range is.

    Not by Werkzeug's parser: it refuses a suffix longer than the content, which RFC 9110 14.1.2 takes, and takes
    an empty one.
    """
    size = artifact.size_bytes
    found = ONE_RANGE.fullmatch(request.headers.get("Range", ""))
    known = request.headers.get("If-Range")
    if request.method != "GET" or found is None or known not in (None, f'"{artifact.sha256}"'):
        return 0, size
    first, last = found.groups()
    start = int(first) if first else max(0, size - int(last))
    stop = min(int(last) + 1, size) if first and last else size
    if first and last and int(last) < int(first):  # not a range: to be ignored
        return 0, size
    if start >= stop:
        raise ProblemError(
            "range-not-satisfiable",
            f"The content has {size} bytes.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, stop
