"""The declarative base: names for every constraint, so that migrations and problems can speak of them."""

from datetime import datetime

from sqlalchemy import DateTime, MetaData
from sqlalchemy.orm import DeclarativeBase

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables. Every instant is stored with its zone."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012  SQLAlchemy reads it off the class


def one_of(column: str, values: tuple[str, ...]) -> str:
    """SQL of a check that a text column holds one of a few words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"
