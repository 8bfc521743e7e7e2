"""Alembic's entry: runs the revisions on the connection that `pi5.kit.migrate` hands in.

The whole upgrade is one transaction under an advisory lock: two programs that start at once
take turns, and a fault or a kill in the middle leaves the version there was.
"""

from alembic import context
from pi5.kit.migrate import VERSION_SCHEMA, VERSION_TABLE, lock_and_prepare

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table=VERSION_TABLE,
    version_table_schema=VERSION_SCHEMA,
    transaction_per_migration=False,
)
with context.begin_transaction():
    lock_and_prepare(connection)
    context.run_migrations()
