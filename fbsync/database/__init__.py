"""What the database keeps, a table or two in each module (SQLAlchemy Core)."""
