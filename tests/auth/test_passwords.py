"""New passwords: what is soon guessed is refused by its reason, and what is hard to guess never is."""

import httpx
import pytest
from sqlalchemy import update

from app.auth.passwords import password_faults
from app.core.database import Database
from app.core.tokens import hash_password
from app.models.subject import User
from tests.support.people import accept, colleague, faults, let_in, sign_in
from tests.support.world import World

ABOUT = ("lan.nguyen", "Nguyễn Thị Lan", "lan@phuong.example.vn", "Phường A", "Bắc Ninh")


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        ("1234567890", ["password_common"]),
        ("qwertyuiop", ["password_common"]),
        ("aaaaaaaaaa", ["password_repeats"]),
        (" " * 10, ["password_repeats"]),
        ("lan.nguyenlan.nguyen", ["password_personal", "password_repeats"]),
        ("NguyễnThịLan1990", ["password_date", "password_personal"]),
        ("nguyenthilan1990", ["password_date", "password_personal"]),
        ("LanNguyễnThị12", ["password_personal", "password_sequence"]),
        ("Bacninh2026", ["password_date", "password_personal"]),
        ("PHUONGA2026", ["password_date", "password_personal"]),
        ("matkhau123", ["password_personal", "password_sequence"]),
        ("SIPAS12345", ["password_common", "password_personal"]),
        ("Hanoi@123456", ["password_common", "password_personal", "password_sequence"]),
        ("Admin@123456", ["password_common", "password_personal", "password_sequence"]),
        ("sipas@2026!!", ["password_date", "password_personal"]),
        ("Congchuc@2026", ["password_date", "password_personal"]),
        ("Bacgiang@2026", ["password_date", "password_personal"]),
        ("admin@2026!", ["password_date", "password_personal"]),
        ("congan113113", ["password_personal", "password_repeats"]),
        ("short", ["too_short"]),
        ("x" * 1001, ["too_long"]),
    ],
)
def test_what_is_soon_guessed_is_refused_by_its_reason(password: str, codes: list[str]) -> None:
    assert [fault.code for fault in password_faults(password, about=ABOUT)] == codes


@pytest.mark.parametrize(
    "password",
    [
        "một câu dài dễ nhớ",
        "mot-mat-khau-du-dai",
        "một mật khẩu dài",
        "tôi thích ăn phở",
        "xK9#mq2vLp",
        "correct horse battery staple",
        "lan thích đọc sách về sao Hỏa",
        "a" + "đường về nhà " * 70,
    ],
)
def test_a_sentence_and_what_chance_made_are_taken(password: str) -> None:
    assert password_faults(password, about=ABOUT) == []


async def test_a_link_refuses_what_is_soon_guessed_and_stays_good(
    http: httpx.AsyncClient, world: World
) -> None:
    link = (await let_in(http, world.admin, "lan.nguyen", ("viewer", "24")))["invitation"]["token"]
    for password, code in (
        ("lan.nguyenlan.nguyen", "password_personal"),
        ("BắcNinh2026", "password_personal"),
        ("1234567890", "password_common"),
    ):
        assert ("/password", code) in faults(await accept(http, link, password))
    assert (await accept(http, link)).status_code == 200


async def test_a_weak_password_is_refused_in_the_callers_language(
    http: httpx.AsyncClient, world: World
) -> None:
    _, lan = await colleague(http, world.admin, "lan", ("viewer", "24"))
    body = {"current": "một mật khẩu dài", "new": "aaaaaaaaaa"}
    for language, detail in (("vi", "Lặp lại cùng một đoạn."), ("en", "Repeats the same characters.")):
        answer = await http.post(
            "/api/v1/auth/password", json=body, headers=lan | {"Accept-Language": language}
        )
        assert [(fault["pointer"], fault["detail"]) for fault in answer.json()["errors"]] == [
            ("/new", detail)
        ]


async def test_passwords_of_before_go_on_working(
    http: httpx.AsyncClient, world: World, database: Database
) -> None:
    await colleague(http, world.admin, "lan", ("viewer", "24"))
    async with database.transaction() as session:
        await session.execute(
            update(User).where(User.username == "lan").values(password_hash=hash_password("1234567890"))
        )
    assert (await sign_in(http, "lan", "1234567890")).status_code == 200
