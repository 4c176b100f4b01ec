"""Bytes by their sha256: stored once, dropped when no artifact names them."""

from collections.abc import Mapping

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from workers.database.models import ArtifactRow, BlobRow
from workers.database.session import changed, upsert

DROPPED_AT_ONCE = 100


def store_blob(session: Session, sha256: str, content: bytes) -> None:
    """Store the bytes unless they are there."""
    store_blobs(session, {sha256: content})


def store_blobs(session: Session, contents: Mapping[str, bytes]) -> None:
    """Store bytes by their sha256, unless they are there."""
    statement = upsert(session, BlobRow)
    # The update changes nothing but locks the row, so that nobody drops it before an artifact names it.
    statement = statement.on_conflict_do_update(
        index_elements=["sha256"], set_={"size_bytes": statement.excluded.size_bytes}
    )
    # In one order everywhere: two that share bytes then cannot wait for each other.
    rows = [
        {"sha256": sha256, "size_bytes": len(contents[sha256]), "content": contents[sha256]}
        for sha256 in sorted(contents)
    ]
    if rows:
        session.execute(statement, rows)


def content(session: Session, sha256: str, offset: int = 0, length: int | None = None) -> bytes:
    """Return `length` bytes from `offset` on, all that follow by default; raise LookupError for unknown bytes."""
    part = func.substr(BlobRow.content, offset + 1, *([] if length is None else [length]), type_=BlobRow.content.type)
    found = session.execute(select(part).where(BlobRow.sha256 == sha256)).first()
    if found is None:
        raise LookupError(f"no bytes with the sha256 {sha256}")
    return bytes(found[0] or b"")


def named_content(session: Session, experiment_id: str, name: str) -> bytes | None:
    """Return the bytes of an experiment's artifact, or None where it has none of that name."""
    return session.scalar(
        select(BlobRow.content)
        .join(ArtifactRow, ArtifactRow.sha256 == BlobRow.sha256)
        .where(ArtifactRow.experiment_id == experiment_id, ArtifactRow.name == name)
    )


def drop_unused_blobs(session: Session) -> int:
    """Delete bytes that no artifact names, a hundred at a time, and return how many went."""
    used = exists().where(ArtifactRow.sha256 == BlobRow.sha256)
    unused = select(BlobRow.sha256).where(~used).limit(DROPPED_AT_ONCE).with_for_update(skip_locked=True)
    found = session.scalars(unused).all()
    if not found:
        return 0
    # Asked again, now that the rows are locked: an artifact may have come between.
    return changed(session, delete(BlobRow).where(BlobRow.sha256.in_(found), ~used))
