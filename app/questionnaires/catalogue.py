"""The questionnaires that come with the product: quick-5, service-16, service-22.

Pure but for reading the package's own files. The criteria follow the ministry's surveys of 2017-2020 (22)
and of 2023-2026 (the service block, 16) in what they ask; the words are ours: short, everyday, in the
order a visit happens, and neutral, so that a question does not suggest its answer.

Which criteria are required. Required means that the question was put, not that an opinion is owed: null
("not applicable") always counts. So a criterion is required where everybody who has been served can
answer it, and optional where many honestly cannot, who should not have to tap through it:
- complaints (E): most people never made a comment;
- fees, where they are a question of their own (B4 of 22, B3 of 16): many procedures cost nothing;
- using the machines (A4 of 22) and help with the forms (C4 of 22): not everybody needs them.

`quick-5` does not ask for ethnicity, which is sensitive personal data; the long ones ask for two coarse
groups only. All respondent fields are voluntary.

A file that was published is never edited: a change, be it of one comma, is a new version in a new file.
"""

from importlib.resources import files

from pydantic import ValidationError

from app.questionnaires.definition import Definition, check

# Named one by one: a file left out of the package must be an error, not a shorter list.
SHIPPED = ("quick-5", "service-16", "service-22")


def load_shipped() -> list[Definition]:
    """The shipped definitions, checked, in the order of SHIPPED.

    ValueError names the file and what is wrong with it; FileNotFoundError means a broken installation.
    """
    return [parse_shipped(f"{name}.json", _read(f"{name}.json")) for name in SHIPPED]


def parse_shipped(name: str, content: bytes) -> Definition:
    """One file's definition; ValueError with the file's name and every fault."""
    try:
        definition = Definition.model_validate_json(content)
    except ValidationError as error:
        raise ValueError(f"shipped questionnaire {name} is malformed: {error}") from error
    if faults := check(definition):
        listed = "; ".join(f"{fault.pointer} {fault.code}" for fault in faults)
        raise ValueError(f"shipped questionnaire {name} has faults: {listed}")
    if definition.code != name.removesuffix(".json"):
        raise ValueError(f"shipped questionnaire {name} says it is {definition.code}")
    return definition


def _read(name: str) -> bytes:
    return (files("app.questionnaires.shipped") / name).read_bytes()
