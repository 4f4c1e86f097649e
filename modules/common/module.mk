# What all modules stand on.
# SPDX-License-Identifier: MIT
LIB_SRCS += modules/common/runtime.c modules/common/entry.c modules/common/together.c modules/common/exitcode.c modules/common/ending.c \
	modules/common/board.c modules/common/lastword.c modules/common/intercept.c \
	modules/common/trees.c modules/common/twins.c \
	modules/common/intercept_small.c modules/common/intercept_collectives.c modules/common/breakout.c modules/common/errors.c modules/common/wait.c modules/common/buffers.c \
	modules/common/progress.c modules/common/place.c modules/common/ledger.c \
	modules/common/deadlock.c modules/common/judge.c modules/common/parcels.c \
	modules/common/session.c modules/common/gate.c modules/common/foreign.c modules/common/spread.c
