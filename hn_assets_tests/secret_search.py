"""Looks for a secret wherever Dagster and the store keep something."""

import zlib
from collections.abc import Iterable
from pathlib import Path


def holds(content: bytes, secret: str) -> bool:
    """Whether bytes hold a secret, as they are or as Dagster compresses them."""
    if secret.encode() in content:
        return True
    try:
        return secret.encode() in zlib.decompress(content)
    except zlib.error:
        return False


def files_with(secret: str, *folders: Path) -> list[Path]:
    """The files under these folders whose content or name holds a secret."""
    paths = [path for folder in folders for path in folder.rglob("*")]
    return [
        path
        for path in paths
        if secret in path.name or (path.is_file() and holds(path.read_bytes(), secret))
    ]


def rows_with(secret: str, port: int) -> list[str]:
    """The tables of the PostgreSQL database `dagster` with a row that holds a secret."""
    import psycopg2

    connection = psycopg2.connect(host="127.0.0.1", port=port, user="dagster", dbname="dagster")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        found: list[str] = []
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            if any(holds(value, secret) for row in cursor for value in _as_bytes(row)):
                found.append(table)
    connection.close()
    return found


def _as_bytes(row: Iterable[object]) -> list[bytes]:
    return [
        bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()
        for value in row
    ]
