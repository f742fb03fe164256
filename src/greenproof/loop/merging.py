"""Put the runs of several phases, or the attempts of one run that was cut off, together as one observation."""

from collections.abc import Sequence

from greenproof.model.facts import RunObservation


def merge(runs: Sequence[RunObservation], wanted: Sequence[str]) -> RunObservation:
    """One observation of all phases. `wanted` are the ids of every phase, so what was not reached stays planned.

    Ids that a phase left for another phase are not deselected. Ids of exchanges and cases are unique already, since
    each case runs in one phase, and to its end in one attempt, only.
    """
    reported = {case.id for run in runs for case in run.cases}
    collected = dict.fromkeys((*(i for run in runs for i in run.collected), *wanted))
    codes = [run.exit_code for run in runs if run.exit_code not in (0, None)]
    return RunObservation(
        fault=runs[-1].fault,
        exit_code=codes[0] if codes else runs[-1].exit_code,
        timed_out=any(run.timed_out for run in runs),
        processes=tuple(p for run in runs for p in run.processes),
        collected=tuple(collected),
        deselected=tuple(
            i
            for i in dict.fromkeys(i for run in runs for i in run.deselected)
            if i not in reported and i not in collected
        ),
        collection_errors=tuple(dict.fromkeys(e for run in runs for e in run.collection_errors)),
        skipped_files=tuple(dict.fromkeys(s for run in runs for s in run.skipped_files)),
        cases=tuple(case for run in runs for case in run.cases),
        exchanges=tuple(x for run in runs for x in run.exchanges),
        fixtures=tuple(s for run in runs for s in run.fixtures),
        lost_targets=tuple(t for run in runs for t in run.lost_targets),
        hook_errors=tuple(e for run in runs for e in run.hook_errors),
        relay_lost=any(run.relay_lost for run in runs),
        duration_s=sum(run.duration_s for run in runs),
    )
