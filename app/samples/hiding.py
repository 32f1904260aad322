"""Which strata's numbers are not shown: those of few people, and as many more as keep them from being
worked out.

Pure. Totals are shown, so a single hidden number could be had by taking the others away. What is hidden
therefore holds at least two strata and, together, at least as many people as one stratum must have to be
shown.
"""

from collections.abc import Mapping


def hidden(people: Mapping[int, int], least: int) -> frozenset[int]:
    """The strata to hide, given how many people each has; all of them where nothing else protects them."""
    gone = {stratum for stratum, count in people.items() if count < least}
    shown = sorted(people.keys() - gone, key=lambda stratum: (people[stratum], stratum))
    while gone and shown and (len(gone) < 2 or sum(people[stratum] for stratum in gone) < least):
        gone.add(shown.pop(0))
    return frozenset(gone)
