"""Components beside their overall figure, where each is seen to by itself: the rule of three nested sets.

Pure. Overall in A, the first components in B, the last two in C; A holds B, B holds C, and each is chosen for
every figure in it. Then the overall figure adds nothing to what is known of a component: see
docs/decisions/0009-publication-and-suppression.md.
"""

from collections.abc import Sequence

TAIL = 2
"""The last components of a questionnaire are shown together or not at all."""


def component_groups(components: int) -> tuple[range, range]:
    """Places of the first components and of the last two; a single component is the overall figure again."""
    if components < TAIL:
        return range(0), range(0)
    return range(components - TAIL), range(components - TAIL, components)


def lone(last: Sequence[int], min_n: int) -> int:
    """What the overall figure less the first components tells of a single one: where the others are zero."""
    return sum(last) + (min_n if sum(map(bool, last)) > 1 else 0)
