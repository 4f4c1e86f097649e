# import mpi
# SPDX-License-Identifier: MIT
LIB_SRCS += modules/mpi/module.c modules/mpi/comm.c modules/mpi/split.c modules/mpi/messages.c \
	modules/mpi/collectives.c modules/mpi/reduce.c modules/mpi/operators.c modules/mpi/post.c \
	modules/mpi/letter.c modules/mpi/codec.c modules/mpi/array.c modules/mpi/pack.c
LIB_MODULES += _pympi_mpi
