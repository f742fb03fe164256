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
    left = {case: sorted(faults, key=lambda fault: _rank(case, fault)) for case, faults in fitting.items()}
    packed: list[dict[str, Disturbance]] = []
    for _ in range(runs):
        chosen: dict[str, Disturbance] = {}
        for case, faults in left.items():
            if not faults:
                continue
            best = min(faults, key=lambda fault: operators[fault.operator] + fields[str(fault.route), fault.part])
            faults.remove(best)
            operators[best.operator] += 1
            fields[str(best.route), best.part] += 1
            chosen[case] = best
        if not chosen:
            break
        packed.append(chosen)
    return Packed(tuple(packed), {case: len(faults) for case, faults in left.items()})


def _rank(case: str, fault: Disturbance) -> bytes:
    text = "\0".join((str(fault.seed), case, fault.operator, str(fault.route), fault.part))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
