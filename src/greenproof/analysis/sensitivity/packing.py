"""Which fault each case gets in which run, so that few runs tell much: one fault per case and run."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from greenproof.model.sensitivity import Disturbance


@dataclass(frozen=True, slots=True)
class Packed:
    """The faults of each extra run, and how many fitting ones of each case found no place."""

    runs: tuple[Mapping[str, Disturbance], ...]
    left_out: Mapping[str, int]


def pack(fitting: Mapping[str, Sequence[Disturbance]], runs: int) -> Packed:
    """Give each case one fault a run: first operators and fields that were tried least, over the whole suite.

    Cases do not disturb each other: each has its own requests. The order among equals is that of a digest, so it is
    the same for every run of the same suite with the same seed.
    """
    operators: Counter[str] = Counter()
    fields: Counter[tuple[str, str]] = Counter()
    # In the order of their ids: several workers would bring them in another order each time.
    left = {case: _ranked(case, fitting[case]) for case in sorted(fitting)}
    packed: list[dict[str, Disturbance]] = []
    for _ in range(runs):
        chosen: dict[str, Disturbance] = {}
        for case, faults in left.items():
            if not faults:
                continue
            best = min(range(len(faults)), key=lambda i: operators[faults[i][0]] + fields[faults[i][1]])
            operator, field, chosen[case] = faults.pop(best)
            operators[operator] += 1
            fields[field] += 1
        if not chosen:
            break
        packed.append(chosen)
    return Packed(tuple(packed), {case: len(faults) for case, faults in left.items()})


def _ranked(case: str, faults: Sequence[Disturbance]) -> list[tuple[str, tuple[str, str], Disturbance]]:
    """(operator, field, fault), in the order of a digest."""
    return [(f.operator, (str(f.route), f.part), f) for f in sorted(faults, key=lambda fault: _rank(case, fault))]


def _rank(case: str, fault: Disturbance) -> bytes:
    text = "\0".join((str(fault.seed), case, fault.operator, str(fault.route), fault.part))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
