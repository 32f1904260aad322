"""From the provider's claims to roles: rules of the operator, read once from SIPAS_OIDC_RULES. Pure.

    {"claim": "groups", "contains": "sipas-analysts", "role": "analyst", "unit": "24"}
    {"claim": "title", "equals": "Chủ tịch", "role": "viewer", "unit_claim": "unit_code"}
    {"claim": "groups", "prefix": "sipas-officer-", "role": "case_officer", "unit_claim": "groups"}

Every rule that fits gives its role. The unit is said out loud: a code, null for every unit, or a claim that
holds codes; a claim that is the rule's own and has a prefix holds them behind the prefix. `contains` looks
for one whole item of a list and never inside a text: "not-an-admin" contains no "admin".
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from app.auth.roles import Role
from app.core.text import clean

Claims = Mapping[str, object]
Pair = tuple[Role, str | None]
"""A role and the code of its unit; None for every unit."""

MAX_ROLES = 50
MAX_CODE = 64
Text = Annotated[str, Field(min_length=1, max_length=500)]


class Rule(BaseModel):
    """One rule: which claim must look how, and what that gives."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    claim: Text
    equals: Text | bool | int | None = None
    contains: Text | None = None
    prefix: Text | None = None
    role: Role
    unit: Text | None = None
    unit_claim: Text | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if [self.equals, self.contains, self.prefix].count(None) != 2:
            raise ValueError("say exactly one of equals, contains and prefix")
        if ("unit" in self.model_fields_set) == ("unit_claim" in self.model_fields_set):
            raise ValueError("say either unit (a code, or null for every unit) or unit_claim")
        if "unit_claim" in self.model_fields_set and self.unit_claim is None:
            raise ValueError("unit_claim must name a claim")
        if self.role == "system_admin" and (self.unit or self.unit_claim) is not None:
            raise ValueError("system_admin holds everywhere: say unit null")
        return self


_RULES = TypeAdapter(tuple[Rule, ...])


def read_rules(written: object) -> tuple[Rule, ...]:
    """The rules; ValueError with one line for each that cannot be used."""
    try:
        return _RULES.validate_python(written)
    except ValidationError as error:
        lines = (
            f"rule {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()
        )
        raise ValueError("; ".join(lines)) from None


def roles_from(claims: Claims, rules: Iterable[Rule]) -> frozenset[Pair]:
    """Every role that the rules give to who holds these claims; at most fifty, so that no token floods us."""
    found: dict[Pair, None] = {}
    for rule in rules:
        if _fits(rule, _claim(claims, rule.claim)):
            found.update(dict.fromkeys((rule.role, unit) for unit in _units(rule, claims)))
    return frozenset(list(found)[:MAX_ROLES])


def _claim(claims: Claims, name: str) -> object:
    """A claim by its name, which may hold dots, or by a path such as `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def _texts(value: object) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [clean(one) for one in listed if isinstance(one, str)]


def _fits(rule: Rule, value: object) -> bool:
    if rule.equals is not None:
        # True is no 1 here, whatever Python says
        same_kind = type(value) is type(rule.equals)
        return same_kind and (clean(value) if isinstance(value, str) else value) == rule.equals
    if rule.contains is not None:
        return isinstance(value, list) and rule.contains in _texts(value)
    return any(text.startswith(rule.prefix or "\0") for text in _texts(value))


def _units(rule: Rule, claims: Claims) -> list[str | None]:
    if rule.unit_claim is None:
        return [rule.unit]
    codes = _texts(_claim(claims, rule.unit_claim))
    if rule.prefix is not None and rule.unit_claim == rule.claim:
        codes = [code.removeprefix(rule.prefix) for code in codes if code.startswith(rule.prefix)]
    return [code for code in codes if 0 < len(code) <= MAX_CODE and code.isprintable()]
