"""Quantizers: features to codes of a codebook and back."""

from scanvq.quantizers.finite_scalar import FiniteScalarQuantizer as FiniteScalarQuantizer
from scanvq.quantizers.identity import IdentityQuantizer as IdentityQuantizer
from scanvq.quantizers.moving_average import MovingAverageQuantizer as MovingAverageQuantizer
from scanvq.quantizers.nearest import NearestQuantizer as NearestQuantizer
