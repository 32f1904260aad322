"""What a stolen table of passwords costs its thief."""

import importlib.util
import re

from app.core import tokens


def test_outside_tests_a_password_is_hashed_at_full_cost() -> None:
    """The module is read afresh: the one in use here hashes in haste."""
    spec = importlib.util.find_spec(tokens.__name__)
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    hashed = fresh.hash_password("một mật khẩu đủ dài")
    cost = re.match(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$", hashed)
    assert cost is not None, hashed
    memory_kib, passes, lanes = map(int, cost.groups())
    assert memory_kib >= 65_536  # the second choice of RFC 9106
    assert passes >= 3
    assert lanes >= 4
    assert fresh.check_password("một mật khẩu đủ dài", hashed)
    assert not fresh.check_password("ein anderes Wort", hashed)


def test_here_a_password_is_hashed_by_the_same_function_in_haste() -> None:
    assert tokens.hash_password("một mật khẩu đủ dài").startswith("$argon2id$v=19$m=8,t=1,p=1$")
