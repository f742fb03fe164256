"""The catalogue of findings about the measure: each rule adds its own."""

from dataclasses import dataclass

from greenproof.model.measure import MeasureFinding, Place, Weight


@dataclass(frozen=True, slots=True)
class FindingKind:
    """A documented kind of finding."""

    code: str
    weight: Weight
    meaning: str
    example: str
    remedy: str

    def finding(
        self, subject: str, place: Place, text: str = "", *, was: str = "", now: str = "", tests: int = 0
    ) -> MeasureFinding:
        """This finding, with its particulars."""
        return MeasureFinding(self.code, self.weight, subject, place, text or self.meaning, was, now, tests)


def weakened(code: str, meaning: str, example: str, remedy: str) -> FindingKind:
    """A kind that gates."""
    return FindingKind(code, Weight.WEAKENED, meaning, example, remedy)


def note(code: str, meaning: str, example: str, remedy: str) -> FindingKind:
    """A kind that is only shown."""
    return FindingKind(code, Weight.NOTE, meaning, example, remedy)
