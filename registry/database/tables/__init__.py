"""The tables, as SQLAlchemy sees them; the history of their changes is in migrations/."""
