# What lib/pympi/h5.py needs of HDF5: a library of its own, which open.c opens
# SPDX-License-Identifier: MIT
LIB_SRCS += modules/h5/open.c
LIB_MODULES += _pympi_h5
ifneq ($(HDF5_LIBS),)
OWN_LIBS += pympi_h5.so
pympi_h5.so_SRCS := modules/h5/module.c modules/h5/errors.c modules/h5/ids.c modules/h5/overlay.c \
	modules/h5/store.c modules/h5/journal.c modules/h5/driver.c modules/h5/types.c modules/h5/space.c \
	modules/h5/files.c modules/h5/links.c modules/h5/datasets.c modules/h5/data.c modules/h5/objects.c \
	modules/h5/chunks.c modules/h5/lzf.c modules/h5/attributes.c
pympi_h5.so_CFLAGS := $(HDF5_CFLAGS)
pympi_h5.so_LIBS := $(HDF5_LIBS)
endif
