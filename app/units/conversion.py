"""The changes that an official conversion table makes of a tree: communes, districts, provinces. Pure.

A commune of after whose code a commune of before had, and that took over from it, is that unit, and goes on;
so a code that means another commune before and after stays the code of one unit. What the table does not say
is told, and the unit stays where it can be found.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date

from app.core.imports import Table
from app.core.text import fold
from app.units.changes import Change, FromTable, Target
from app.units.forest import Forest, Node
from app.units.notes import Note
from app.units.official import Conversion, Heir, Standing, read_conversion
from app.units.provinces import PROVINCES
from app.units.spelling import province_key


def convert(table: Table, forest: Forest, day: date) -> FromTable:
    """The table as changes, with notes on what it leaves open; accuses rows that cannot be."""
    found, standing = read_conversion(table, forest, day)
    converter = _Converter(table, found, standing)
    converter.share_out()
    converter.settle_bearers()
    converter.change_communes()
    converter.change_provinces()
    converter.close_districts()
    return converter.read


class _Converter:
    def __init__(self, table: Table, found: Conversion, standing: Standing) -> None:
        self.read = FromTable(notes=found.notes)
        self._table, self._found, self._standing = table, found, standing
        self._splits: dict[int, list[str]] = {}
        self._described: set[str] = set()

    def _note(self, node: Node, code: str, **more: object) -> None:
        state = self._standing.state(node)
        self.read.notes.append(Note(None, code, {"unit": state.code, "name": state.name, **more}))

    def share_out(self) -> None:
        """Which unit goes wholly to one, and which in parts to several."""
        heirs = self._found.heirs
        for unit, parts in list(self._found.parts.items()):
            if len(parts) == 1 and parts[0].whole:
                heirs[parts[0].to].wholes.append(unit)
            elif len(parts) == 1:
                self._note(self._standing.forest[unit], "part_without_rest", to=parts[0].to)
                del self._found.parts[unit]
            else:
                self._splits[unit] = [part.to for part in parts]
                for part in parts:
                    heirs[part.to].parts.append(unit)

    def settle_bearers(self) -> None:
        """Who bears the code of a unit of after by now is that unit, or its code is not free."""
        for heir in self._found.heirs.values():
            node = self._standing.by_code.get(heir.code)
            if node is None or node.id in {*heir.wholes, *heir.parts}:
                continue
            if node.id in self._found.parts or self._standing.state(node).kind != "commune":
                told = {"unit": heir.code, "name": self._standing.state(node).name}
                self._table.accuse(heir.row, "new_code", "code_goes_elsewhere", **told)
            else:
                self._note(node, "goes_on_unsaid", to=heir.name)
                heir.wholes.append(node.id)
                self._found.parts[node.id] = []

    def change_communes(self) -> None:
        """Mergers, splits, and units that only go on beneath another, or by another name."""
        for heir in self._found.heirs.values():
            self._merge(heir)
        for unit, codes in self._splits.items():
            mine = self._standing.state(self._standing.forest[unit]).code
            rows = {part.to: part.row for part in self._found.parts[unit]}
            targets = tuple(
                Target(code)
                if code != mine and self._goes_on(code)
                else self._target(self._found.heirs[code])
                for code in codes
            )
            self.read.add(Change("split", (mine,), targets), rows[codes[0]], "old_code")

    def _merge(self, heir: Heir) -> None:
        former = tuple(self._standing.state(self._standing.forest[unit]).code for unit in heir.wholes)
        if former == (heir.code,):
            target = self._target(heir)
            if target.described:
                self.read.add(Change("rename", former, (target,)), heir.row, "new_code")
        elif former:
            described = heir.code in former or not self._goes_on(heir.code)
            target = self._target(heir) if described else Target(heir.code)
            self.read.add(Change("merge", former, (target,)), heir.row, "new_code")
        elif not heir.parts and not self._goes_on(heir.code):
            self.read.add(Change("create", (), (self._target(heir),)), heir.row, "new_code")

    def _goes_on(self, code: str) -> bool:
        return code in self._standing.by_code

    def _target(self, heir: Heir) -> Target:
        """Described in full once: by the change that begins with it, or the first that ends in it."""
        if heir.code in self._described:
            return Target(heir.code)
        self._described.add(heir.code)
        node = self._standing.by_code.get(heir.code)
        if node is None:
            return Target(heir.code, heir.name, "commune", heir.province)
        state = self._standing.state(node)
        same = fold(state.name) == fold(heir.name)  # the register may spell it so; a slip is no new name
        above = self._standing.forest[state.parent].on(self._standing.day) if state.parent else None
        parent = None if above is not None and above.code == heir.province else heir.province
        return Target(heir.code, None if same else heir.name, None, parent)

    def change_provinces(self) -> None:
        """Provinces of before that become one; each goes where most of its communes go."""
        goes: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for heir in self._found.heirs.values():
            for unit in (*heir.wholes, *heir.parts):
                province = self._standing.above(self._standing.forest[unit], "province")
                if province is not None:
                    goes[province][heir.province] += 1
        formers: defaultdict[str, list[int]] = defaultdict(list)
        for province, codes in goes.items():
            ordered = [code for code, _ in codes.most_common()]
            formers[ordered[0]].append(province)
            if len(ordered) > 1:
                self._note(self._standing.forest[province], "province_divided", to=", ".join(ordered))
        rows: Mapping[str, Heir] = {heir.province: heir for heir in self._found.heirs.values()}
        for code, provinces in formers.items():
            former = tuple(self._standing.state(self._standing.forest[one]).code for one in provinces)
            target = self._province(code)
            if former != (code,):
                self.read.add(Change("merge", former, (target,)), rows[code].row, "new_province_code")
            elif target.described:
                self.read.add(Change("rename", former, (target,)), rows[code].row, "new_province_code")

    def _province(self, code: str) -> Target:
        node, name = self._standing.by_code.get(code), self._found.province_names.get(code)
        name = name or PROVINCES.get(code)
        if node is None:
            return Target(code, name, "province")
        stands = self._standing.state(node).name
        if name is None:
            self._note(node, "province_unnamed")
            return Target(code)
        return Target(code, None if province_key(stands) == province_key(name) else name)

    def close_districts(self) -> None:
        """Districts whose communes have all gone end; what else stood there goes to the province."""
        goes: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for heir in self._found.heirs.values():
            for unit in (*heir.wholes, *heir.parts):
                above = self._standing.state(self._standing.forest[unit]).parent
                if (
                    above is not None
                    and self._standing.forest[above].on(self._standing.day).kind == "district"
                ):
                    goes[above][heir.province] += 1
        rows = {heir.province: heir.row for heir in self._found.heirs.values()}
        for district, codes in goes.items():
            province = codes.most_common(1)[0][0]
            for node in self._standing.children[district]:
                if node.id not in self._found.parts:
                    state = self._standing.state(node)
                    self._note(node, "without_row", parent=province)
                    move = Change("move", (state.code,), (Target(state.code, parent=province),))
                    self.read.add(move, rows[province], "new_province_code")
            if district not in self._found.parts:
                code = self._standing.state(self._standing.forest[district]).code
                self.read.add(Change("close", (code,), ()), rows[province], "old_district_code")
