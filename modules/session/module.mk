# What lib/pympi/session/ needs of MPI
# SPDX-License-Identifier: MIT
LIB_SRCS += modules/session/module.c modules/session/meeting.c modules/session/recovery.c \
	modules/session/wait.c
LIB_MODULES += _pympi_session
