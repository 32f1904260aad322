from app.records.redaction import cut, named_units

ROLES = {
    "roles": [
        {"role": "viewer", "unit_code": "09001"},
        {"role": "viewer", "unit_code": "09101"},
        {"role": "system_admin", "unit_code": None},
    ]
}
MOVE = {
    "before": {"parent": "24", "name": "Xã A"},
    "after": {"parent": "27", "name": "Xã A"},
    "reorganisation": 7,
}


def test_units_are_found_wherever_details_name_them() -> None:
    assert list(named_units({**ROLES, **MOVE, "device": {"unit": "SNV"}})) == [
        "09001",
        "09101",
        "24",
        "27",
        "SNV",
    ]


def test_roles_held_elsewhere_or_everywhere_are_not_listed() -> None:
    assert cut(ROLES, {"09001"}) == {"roles": [{"role": "viewer", "unit_code": "09001"}]}


def test_a_parent_out_of_reach_is_not_named() -> None:
    assert cut(MOVE, {"27"}) == {**MOVE, "before": {"parent": None, "name": "Xã A"}}


def test_what_names_no_unit_stays_as_it_is() -> None:
    plain = {
        "before": {"networks": ["10.0.0.0/8"]},
        "after": {"networks": []},
        "pin": "changed",
        "totp": False,
    }
    assert cut(plain, set()) == plain
