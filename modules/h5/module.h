/* The module's state, and the lock around HDF5.
 * SPDX-License-Identifier: MIT
 *
 * HDF5 is not safe for threads. Whoever calls it holds the lock; reads and writes let go of the GIL, so the
 * GIL alone is not enough. */
#ifndef PYMPI_H5_MODULE_H
#define PYMPI_H5_MODULE_H

#include "modules/h5/hdf5.h"

typedef struct {
    PyThread_type_lock lock;
    PyTypeObject *id_type, *store_type;
    hid_t driver;
    hid_t *dropped; /* by objects that went away while another thread was in HDF5 */
    int dropped_count, dropped_room;
    unsigned scratch_count;
} ph_state;

/* Takes the lock, waiting without the GIL when it is held; frees what was dropped meanwhile. */
ph_state *ph_enter(PyObject *module);
void ph_leave(ph_state *state);

/* Leave behind a call of HDF5's, whose value is given: what Python gets; NULL with an exception set when it
 * is negative. `call` begins the message. */
PyObject *ph_leave_id(ph_state *state, hid_t id, const char *call); /* an Id, which owns it */
PyObject *ph_leave_none(ph_state *state, herr_t code, const char *call);
PyObject *ph_leave_bool(ph_state *state, htri_t value, const char *call);
PyObject *ph_leave_object(ph_state *state, PyObject *object); /* NULL: an exception is set */

/* The state that a type belongs to. */
ph_state *ph_state_of_type(PyTypeObject *type);

extern PyMethodDef ph_file_methods[], ph_link_methods[], ph_dataset_methods[], ph_data_methods[],
    ph_chunk_methods[], ph_attribute_methods[], ph_type_methods[], ph_replay_methods[];

#endif
