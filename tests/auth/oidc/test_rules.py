from collections.abc import Mapping

import pytest

from app.auth.oidc.rules import MAX_ROLES, Claims, Pair, read_rules, roles_from

Written = dict[str, object]


def given(claims: Claims, *rules: Mapping[str, object]) -> set[Pair]:
    return set(roles_from(claims, read_rules(list(rules))))


@pytest.mark.parametrize(
    ("rule", "claims", "fits"),
    [
        ({"claim": "title", "equals": "chief"}, {"title": "chief"}, True),
        ({"claim": "title", "equals": "chief"}, {"title": " chief "}, True),
        ({"claim": "title", "equals": "chief"}, {"title": "Chief"}, False),
        ({"claim": "title", "equals": "chief"}, {"title": ["chief"]}, False),
        ({"claim": "title", "equals": "chief"}, {}, False),
        ({"claim": "staff", "equals": True}, {"staff": True}, True),
        ({"claim": "staff", "equals": True}, {"staff": "true"}, False),
        ({"claim": "staff", "equals": True}, {"staff": 1}, False),
        ({"claim": "level", "equals": 1}, {"level": True}, False),
        ({"claim": "level", "equals": 0}, {"level": 0}, True),
        ({"claim": "level", "equals": False}, {}, False),
        ({"claim": "groups", "contains": "admin"}, {"groups": ["x", "admin"]}, True),
        ({"claim": "groups", "contains": "admin"}, {"groups": ["not-admin", "admins"]}, False),
        ({"claim": "groups", "contains": "admin"}, {"groups": "admin"}, False),
        ({"claim": "groups", "contains": "admin"}, {"groups": {"admin": 1}}, False),
        ({"claim": "groups", "contains": "admin"}, {"groups": None}, False),
        ({"claim": "groups", "prefix": "sipas-"}, {"groups": ["sipas-x"]}, True),
        ({"claim": "groups", "prefix": "sipas-"}, {"groups": "sipas-x"}, True),
        ({"claim": "groups", "prefix": "sipas-"}, {"groups": ["x-sipas-"]}, False),
        ({"claim": "groups", "prefix": "sipas-"}, {"groups": [1, None, ["sipas-x"]]}, False),
        ({"claim": "realm_access.roles", "contains": "a"}, {"realm_access": {"roles": ["a"]}}, True),
        ({"claim": "realm_access.roles", "contains": "a"}, {"realm_access": ["roles"]}, False),
        ({"claim": "https://x.vn/r", "contains": "a"}, {"https://x.vn/r": ["a"]}, True),
        ({"claim": "a.b", "equals": "flat"}, {"a.b": "flat", "a": {"b": "deep"}}, True),
        ({"claim": "title", "equals": "Tr\u01b0\u1edfng"}, {"title": "Tru\u031bo\u031b\u0309ng"}, True),
    ],
)
def test_a_claim_fits_a_rule_or_not(rule: Written, claims: Claims, fits: bool) -> None:
    assert given(claims, rule | {"role": "viewer", "unit": "24"}) == ({("viewer", "24")} if fits else set())


def test_every_rule_that_fits_gives_its_role() -> None:
    claims = {"groups": ["a", "b"], "title": "chief"}
    assert given(
        claims,
        {"claim": "groups", "contains": "a", "role": "analyst", "unit": "24"},
        {"claim": "groups", "contains": "b", "role": "case_officer", "unit": "09001"},
        {"claim": "groups", "contains": "c", "role": "system_admin", "unit": None},
        {"claim": "title", "equals": "chief", "role": "viewer", "unit": None},
        {"claim": "title", "prefix": "ch", "role": "viewer", "unit": None},
    ) == {("analyst", "24"), ("case_officer", "09001"), ("viewer", None)}


@pytest.mark.parametrize(
    ("claims", "units"),
    [
        ({"unit": "09001"}, {"09001"}),
        ({"unit": [" 09001", "09002", 7, None]}, {"09001", "09002"}),
        ({"unit": ""}, set()),
        ({"unit": None}, set()),
        ({"unit": 9001}, set()),
        ({"unit": "x" * 65}, set()),
        ({"unit": "09\0001"}, set()),
        ({}, set()),
    ],
)
def test_a_unit_may_come_from_a_claim_and_nothing_there_is_never_every_unit(
    claims: Claims, units: set[str]
) -> None:
    rule = {"claim": "staff", "equals": True, "role": "viewer", "unit_claim": "unit"}
    assert given({"staff": True, **claims}, rule) == {("viewer", unit) for unit in units}


def test_behind_a_prefix_of_its_own_claim_stands_the_unit() -> None:
    rule = {"claim": "groups", "prefix": "officer-", "role": "case_officer", "unit_claim": "groups"}
    groups = ["officer-09001", "officer-09002", "officer-", "staff", "09003"]
    assert given({"groups": groups}, rule) == {("case_officer", "09001"), ("case_officer", "09002")}


def test_no_token_gives_more_roles_than_a_person_can_hold() -> None:
    rule = {"claim": "groups", "prefix": "v-", "role": "viewer", "unit_claim": "groups"}
    assert len(given({"groups": [f"v-{number}" for number in range(500)]}, rule)) == MAX_ROLES


GOOD: Written = {"claim": "groups", "contains": "a", "role": "viewer", "unit": "24"}


@pytest.mark.parametrize(
    "bad",
    [
        GOOD | {"role": "king"},
        GOOD | {"role": "system_admin"},
        GOOD | {"equals": "b"},
        GOOD | {"contain": "b"},
        GOOD | {"unit_claim": "unit"},
        GOOD | {"unit": 24},
        GOOD | {"contains": ""},
        GOOD | {"contains": ["a"]},
        {key: value for key, value in GOOD.items() if key != "unit"},
        {key: value for key, value in GOOD.items() if key != "contains"},
        {key: value for key, value in GOOD.items() if key != "unit"} | {"unit_claim": None},
        "groups",
    ],
)
def test_a_rule_that_can_be_misread_is_refused_by_its_number(bad: object) -> None:
    with pytest.raises(ValueError, match=r"rule 1"):
        read_rules([GOOD, bad])


def test_no_claims_and_no_rules_give_nothing() -> None:
    assert given({"groups": ["a"]}) == set()
    assert given({}, GOOD) == set()
