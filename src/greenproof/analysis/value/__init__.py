"""What the verdicts mean for the product: features, tiers, revenue; categories and priorities against targets."""

from greenproof.analysis.value.matrix import matrix
from greenproof.analysis.value.risk import features_at_risk

__all__ = ["features_at_risk", "matrix"]
