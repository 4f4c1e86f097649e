# What lib/pympi/reductions.py needs: exact sums, and statistics
# SPDX-License-Identifier: MIT
LIB_SRCS += modules/reductions/module.c modules/reductions/sums.c modules/reductions/exact.c \
	modules/reductions/extract.c modules/reductions/feed.c modules/reductions/combine.c modules/reductions/agree.c
LIB_SRCS += modules/reductions/statistics.c modules/reductions/source.c modules/reductions/moments.c \
	modules/reductions/extremes.c modules/reductions/histogram.c modules/reductions/select.c
LIB_MODULES += _pympi_reductions
