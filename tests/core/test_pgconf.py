from pathlib import Path

import pytest

from app.core.pgconf import config_files, tells_of_lost_writes


def files(
    conf: str = "/d/conf",
    run: str = "/d/run",
    users: tuple[str, ...] = ("anna",),
    *,
    whole_disk: bool = False,
) -> dict[str, str]:
    return config_files(Path(conf), Path(run), users, whole_disk=whole_disk)


def test_nothing_listens_on_the_network() -> None:
    assert "listen_addresses = ''" in files()["postgresql.conf"].splitlines()


@pytest.mark.parametrize("whole_disk", [False, True])
def test_durability_is_left_as_postgresql_ships_it(whole_disk: bool) -> None:
    text = files(whole_disk=whole_disk)["postgresql.conf"]
    assert not any(name in text for name in ("fsync", "synchronous_commit", "full_page_writes"))


def test_the_operators_own_file_is_read_last() -> None:
    assert files()["postgresql.conf"].splitlines()[-1] == "include_if_exists 'local.conf'"


def test_only_callers_known_to_the_kernel_are_let_in() -> None:
    rules = [line for line in files()["pg_hba.conf"].splitlines() if not line.startswith("#")]
    assert rules == ["local all sipas peer map=sipas", "local replication sipas peer map=sipas"]


def test_every_user_is_mapped_once() -> None:
    _, *rules = files(users=("root", "anna", "root"))["pg_ident.conf"].splitlines()
    assert rules == ['sipas "anna" sipas', 'sipas "root" sipas']


def test_quotes_and_commas_in_a_path_stay_part_of_it() -> None:
    lines = files(run="/d/it's, one\\run")["postgresql.conf"].splitlines()
    assert "unix_socket_directories = '\"/d/it''s, one\\\\run\"'" in lines


@pytest.mark.parametrize(
    ("system", "release", "tells"),
    [
        ("Linux", "6.18.44-generic", True),
        ("Linux", "5.8.0", True),
        ("Linux", "5.4.0-216-generic", False),
        ("Linux", "4.19", False),
        ("Linux", "unknown", False),
        ("Darwin", "25.1.0", False),
    ],
)
def test_the_disk_is_synchronised_at_once_only_where_the_kernel_tells_what_it_lost(
    system: str, release: str, tells: bool
) -> None:
    assert tells_of_lost_writes(system, release) is tells
    said = "recovery_init_sync_method = 'syncfs'" in files(whole_disk=tells)["postgresql.conf"].splitlines()
    assert said is tells
