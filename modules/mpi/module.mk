# import mpi
# SPDX-License-Identifier: MIT
LIB_SRCS += modules/mpi/module.c modules/mpi/comm.c modules/mpi/split.c modules/mpi/messages.c \
	modules/mpi/raw.c modules/mpi/status.c modules/mpi/request.c modules/mpi/several.c modules/mpi/work.c \
	modules/mpi/verbs.c modules/mpi/collectives.c modules/mpi/gather.c modules/mpi/allgather.c \
	modules/mpi/reduce.c modules/mpi/numbers.c modules/mpi/cell.c modules/mpi/native.c modules/mpi/operators.c modules/mpi/post.c \
	modules/mpi/letter.c modules/mpi/codec.c modules/mpi/array.c modules/mpi/numpy_abi.c \
	modules/mpi/into.c modules/mpi/axis.c modules/mpi/pack.c modules/mpi/args.c
LIB_MODULES += _pympi_mpi
