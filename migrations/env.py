"""What Alembic runs for every command: it migrates the connection that `workers.database.migrate` opened."""

from alembic import context

from workers.database.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite cannot alter a table: batch operations copy it. Its schema changes are transactional all the same.
    render_as_batch=context.config.attributes["connection"].dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
