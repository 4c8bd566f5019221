"""Pictures from plain NumPy arrays, written as PNG files.

Figures are built as objects, without pyplot, so that nothing is shared between two calls; with one version of
matplotlib, equal data give equal bytes. What was trained has a colour of Okabe & Ito (2008), which
colour-blind readers can tell apart; everything else is grey.

One file a family of pictures, upon `style` (the common dress), `labels` (where names stand), `times` (axes of time)
and `checks` (refusals).
"""

from lstm_gru.plots.activations import gate_activations
from lstm_gru.plots.comparisons import learning_curves, score_by_length
from lstm_gru.plots.distributions import distributions
from lstm_gru.plots.forecasts import Curve, error_by_horizon, forecast_fan
from lstm_gru.plots.matrices import alignment, confusion
from lstm_gru.plots.sensors import sensor_heatmap
from lstm_gru.plots.traces import traces

__all__ = [
    "Curve",
    "alignment",
    "confusion",
    "distributions",
    "error_by_horizon",
    "forecast_fan",
    "gate_activations",
    "learning_curves",
    "score_by_length",
    "sensor_heatmap",
    "traces",
]
