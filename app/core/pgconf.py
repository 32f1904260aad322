"""What the embedded PostgreSQL is told: settings, who may connect, and as whom. Pure: text in, text out.

Durability (fsync, synchronous_commit, full_page_writes) is not mentioned, so it stays as PostgreSQL ships it:
on. An operator's own `local.conf` beside these files is read last and wins.
"""

import re
from collections.abc import Iterable
from pathlib import Path

NAME = "sipas"  # of the database, of the role that owns it, and of the ident map
PORT = "5432"  # names the socket file; nothing listens on the network

_HEADER = (
    "# Written by SIPAS whenever PostgreSQL starts. Changes of your own belong into local.conf beside this."
)
_SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "random_page_cost": "1.1",  # disks of today answer random reads nearly as fast
    "jit": "off",  # plans here are short: compiling them costs more than it saves
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",  # a file a weekday, overwritten a week later
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # its details quote the rows it refuses
    "cluster_name": NAME,
}


def config_files(conf_dir: Path, run_dir: Path, users: Iterable[str], *, whole_disk: bool) -> dict[str, str]:
    """File name -> text. Only the operating system's `users` may connect, through the socket in `run_dir`.

    The kernel tells PostgreSQL who calls (`peer`), the map lets these users in as the owner of the database.
    `whole_disk`: see `tells_of_lost_writes`.
    """
    settings = _SETTINGS | {
        "unix_socket_directories": _listed(run_dir),
        "hba_file": str(conf_dir / "pg_hba.conf"),
        "ident_file": str(conf_dir / "pg_ident.conf"),
    }
    if whole_disk:
        settings["recovery_init_sync_method"] = "syncfs"
    lines = {
        "postgresql.conf": [
            *(f"{name} = {_quoted(value)}" for name, value in settings.items()),
            "include_if_exists 'local.conf'",
        ],
        "pg_hba.conf": [f"local {what} {NAME} peer map={NAME}" for what in ("all", "replication")],
        "pg_ident.conf": [f'{NAME} "{user}" {NAME}' for user in sorted(set(users))],
    }
    return {name: "\n".join((_HEADER, *text, "")) for name, text in lines.items()}


def tells_of_lost_writes(system: str, release: str) -> bool:
    """Whether the system's kernel, by its name and release, says so when it synchronises a file system and
    could not write something: Linux does from 5.8 on.

    Before it recovers, PostgreSQL makes sure that all it finds is on the disk. File by file that is more than
    a thousand flushes, one to five seconds where the disk is busy; by file system it is one, and as safe on
    such a kernel.
    """
    number = re.match(r"(\d+)\.(\d+)", release)
    return system == "Linux" and number is not None and (int(number[1]), int(number[2])) >= (5, 8)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _listed(path: Path) -> str:
    """A path inside a setting that is itself a comma-separated list."""
    return '"' + str(path).replace('"', '""') + '"'
