# What all modules stand on.
LIB_SRCS += modules/common/runtime.c modules/common/entry.c modules/common/together.c \
	modules/common/errors.c modules/common/wait.c modules/common/buffers.c
