"""An attacker who can do linear algebra over the rationals looks at what is shown of parts and their whole.

The attack shares nothing with the product: what every node has of its own in every place is an unknown, each
figure shown is an equation, and plain Gaussian elimination over fractions tells what is determined.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from hypothesis import strategies as st

from app.disclosure.protection import Table, nested, parts_and_whole

Unknown = tuple[int, int]
Row = dict[Unknown, Fraction]


class Attacker:
    """Equations in echelon form."""

    def __init__(self) -> None:
        self.rows: dict[Unknown, Row] = {}

    def reduce(self, row: Mapping[Unknown, int]) -> Row:
        rest = {at: Fraction(value) for at, value in row.items() if value}
        while (lead := next((at for at in sorted(rest) if at in self.rows), None)) is not None:
            times = rest[lead]
            for at, value in self.rows[lead].items():
                rest[at] = rest.get(at, Fraction(0)) - times * value
                if not rest[at]:
                    del rest[at]
        return rest

    def learn(self, row: Mapping[Unknown, int]) -> None:
        if rest := self.reduce(row):
            lead = min(rest)
            self.rows[lead] = {at: value / rest[lead] for at, value in rest.items()}

    def tells(self, row: Mapping[Unknown, int]) -> bool:
        return not self.reduce(row)


class Attack:
    """What can be had of a table: with all that is shown, and with what is always shown alone."""

    def __init__(self, table: Table, gone: list[frozenset[int]]) -> None:
        self.table = table
        self.shown, self.before = Attacker(), Attacker()
        self.width = max(max(figure.places) for figure in table.figures) + 1
        column = {next(iter(one.places)): at for at, one in enumerate(table.figures) if len(one.places) == 1}
        for node in range(len(table.parents)):
            children = [child for child, parent in enumerate(table.parents) if parent == node]
            for place in range(self.width):
                own = table.people[node][column[place]] - sum(
                    table.people[child][column[place]] for child in children
                )
                if own == 0 and (table.empty_known or children):
                    self.learn({(node, place): 1}, always=True)
            for at, figure in enumerate(table.figures):
                if at not in gone[node]:
                    self.learn(self.sum_of(node, figure.places), always=(node, at) in table.always)

    def learn(self, row: Mapping[Unknown, int], *, always: bool) -> None:
        self.shown.learn(row)
        if always:
            self.before.learn(row)

    def sum_of(self, node: int, places: Iterable[int]) -> dict[Unknown, int]:
        nodes = [node]
        for child, parent in enumerate(self.table.parents):
            if parent in nodes:
                nodes.append(child)
        return {(one, place): 1 for one in nodes for place in places}

    def learns(self, row: Mapping[Unknown, int]) -> bool:
        return self.shown.tells(row) and not self.before.tells(row)

    def small_figures(self, min_n: int) -> list[tuple[int, int]]:
        """Figures on few people that are told although they are not always shown."""
        return [
            (node, at)
            for node, counts in enumerate(self.table.people)
            for at, figure in enumerate(self.table.figures)
            if 0 < counts[at] < min_n and self.learns(self.sum_of(node, figure.places))
        ]

    def small_rests(self, min_n: int, gone: list[frozenset[int]]) -> list[int]:
        """Figures of the whole of which too few people are left when all shown parts are taken off."""
        parts = [node for node, parent in enumerate(self.table.parents) if parent == 0]
        found = []
        for at, figure in enumerate(self.table.figures):
            row, left = self.sum_of(0, figure.places), self.table.people[0][at]
            for node in parts:
                if at not in gone[node]:
                    left -= self.table.people[node][at]
                    row = {key: 1 for key in row if key not in self.sum_of(node, figure.places)}
            if 0 < left < min_n and self.learns(row):
                found.append(at)
        return found


@st.composite
def questionnaires(draw: st.DrawFn, deepest: int = 2) -> list[int]:
    return draw(st.lists(st.integers(1, deepest), min_size=1, max_size=4))


@st.composite
def groups_of_people(draw: st.DrawFn, sizes: list[int]) -> list[int]:
    """The figures' people of some who answered what they liked."""
    places = sum(sizes)
    told = draw(st.lists(st.tuples(st.integers(0, 2**places - 1), st.integers(1, 6)), max_size=3))
    answered = [
        {place for place in range(places) if pattern >> place & 1}
        for pattern, times in told
        for _ in range(times)
    ]
    return [sum(bool(one & figure.places) for one in answered) for figure in nested(sizes)]


@st.composite
def wholes(draw: st.DrawFn) -> Table:
    """A unit, its channels or desks, and perhaps people who are in none of these."""
    sizes = draw(questionnaires())
    parts = [draw(groups_of_people(sizes)) for _ in range(draw(st.integers(1, 4)))]
    rest = draw(st.one_of(st.just([0] * len(parts[0])), groups_of_people(sizes)))
    whole = [sum(counts) for counts in zip(rest, *parts, strict=True)]
    return parts_and_whole(nested(sizes), whole, parts)


@st.composite
def trees(draw: st.DrawFn) -> Table:
    """A unit, its fields, and the procedures of these."""
    sizes = draw(questionnaires(1))
    parents: list[int | None] = [None]
    for _ in range(draw(st.integers(1, 3))):
        field = len(parents)
        parents += [0] + [field] * draw(st.integers(1, 3))
    people = [draw(groups_of_people(sizes)) if node not in parents else [] for node in range(len(parents))]
    for node in reversed(range(len(parents))):
        if not people[node]:
            below = [people[child] for child, parent in enumerate(parents) if parent == node]
            people[node] = [sum(counts) for counts in zip(*below, strict=True)]
    figures = nested(sizes)
    return Table(parents, figures, people, {(0, at) for at in range(len(figures))})


@st.composite
def singles(draw: st.DrawFn) -> Table:
    """One group, its overall figure always shown: a sample's components."""
    sizes = draw(questionnaires())
    return Table([None], nested(sizes), [draw(groups_of_people(sizes))], {(0, 0)})
