"""Statistics of what all ranks hold, each by one reduction or a fixed few; part of pympi.reductions.

SPDX-License-Identifier: MIT
"""
from pympi._statistics.distinct import top_k, unique, value_counts
from pympi._statistics.extremes import (
    argmax, argmin, max, min, minmax, nanargmax, nanargmin, nanmax, nanmin, nanminmax)
from pympi._statistics.histograms import bincount, histogram
from pympi._statistics.moments import corrcoef, cov, kurtosis, nanstd, nanvar, skew, std, var
from pympi._statistics.own import Accumulator, accumulate, operator
from pympi._statistics.quantiles import median, nanmedian, nanquantile, quantile
from pympi._statistics.truth import all, allclose, any, array_equal, count_nonzero

__all__ = [
    "Accumulator", "accumulate", "all", "allclose", "any", "argmax", "argmin", "array_equal", "bincount",
    "corrcoef", "count_nonzero", "cov", "histogram", "kurtosis", "max", "median", "min", "minmax",
    "nanargmax", "nanargmin", "nanmax", "nanmedian", "nanmin", "nanminmax", "nanquantile", "nanstd",
    "nanvar", "operator", "quantile", "skew", "std", "top_k", "unique", "value_counts", "var"]
