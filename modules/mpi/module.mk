# import mpi
# SPDX-License-Identifier: MIT
LIB_SRCS += modules/mpi/module.c modules/mpi/comm.c modules/mpi/split.c modules/mpi/messages.c \
	modules/mpi/raw.c modules/mpi/probe.c modules/mpi/status.c modules/mpi/request.c modules/mpi/several.c modules/mpi/work.c modules/mpi/recover.c \
	modules/mpi/verbs.c modules/mpi/collectives.c modules/mpi/gather.c modules/mpi/allgather.c \
	modules/mpi/reduce.c modules/mpi/reduce_scatter.c modules/mpi/numbers.c modules/mpi/cell.c modules/mpi/native.c modules/mpi/ring.c modules/mpi/operators.c modules/mpi/post.c modules/mpi/queue.c \
	modules/mpi/letter.c modules/mpi/codec.c modules/mpi/array.c modules/mpi/numpy_abi.c \
	modules/mpi/into.c modules/mpi/axis.c modules/mpi/pack.c modules/mpi/args.c \
	modules/mpi/make.c modules/mpi/life.c modules/mpi/identity.c modules/mpi/slice.c \
	modules/mpi/cart.c modules/mpi/grid.c modules/mpi/neighbors.c modules/mpi/inter.c modules/mpi/spawn.c \
	modules/mpi/interop.c modules/mpi/memory.c modules/mpi/about.c modules/mpi/threads.c \
	modules/mpi/tally.c modules/mpi/check.c modules/mpi/fingerprint.c
LIB_MODULES += _pympi_mpi
