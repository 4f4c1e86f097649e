/* HDF5's identifiers as Python objects that own them.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_H5_IDS_H
#define PYMPI_H5_IDS_H

#include "modules/h5/module.h"

int ph_id_setup(PyObject *module);

/* An Id, which owns id, also when this fails. Under the lock. */
PyObject *ph_id_new(ph_state *state, hid_t id);

/* A converter for PyArg_Parse: the identifier, the Id's own. */
int ph_id_convert(PyObject *object, void *hid_p);

/* Bytes, and NULL for None; they stay the object's. */
int ph_bytes_or_none(PyObject *object, void *text_p);

/* How a name is marked in the file: as ASCII where it is that, as h5py has it. */
H5T_cset_t ph_name_encoding(const char *name);

#endif
