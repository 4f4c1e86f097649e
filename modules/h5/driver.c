/* HDF5's way to a store: a driver of its own.
 * SPDX-License-Identifier: MIT
 *
 * It claims none of the features by which HDF5 would keep elements back (sieve buffers, accumulators): what one
 * rank writes the others read. */
#include "modules/h5/driver.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    H5FD_t public; /* HDF5's */
    ph_store *store;
} file;

typedef struct {
    ph_store *store;
} given;

static ph_store *store_of(const H5FD_t *self)
{
    return ((const file *)(const void *)self)->store;
}

static H5FD_t *driver_open(const char *Py_UNUSED(name), unsigned Py_UNUSED(flags), hid_t list,
                           haddr_t Py_UNUSED(most))
{
    const given *what = H5Pget_driver_info(list);
    file *self = what ? calloc(1, sizeof *self) : NULL;
    if (!self) {
        return NULL;
    }
    self->store = what->store;
    ph_store_hold(self->store);
    return &self->public;
}

static herr_t driver_close(H5FD_t *self)
{
    ph_store_let_go(store_of(self));
    free(self);
    return 0;
}

static herr_t driver_query(const H5FD_t *Py_UNUSED(self), unsigned long *flags_p)
{
    *flags_p = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_AGGREGATE_SMALLDATA |
               H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

static haddr_t driver_get_eoa(const H5FD_t *self, H5FD_mem_t Py_UNUSED(type))
{
    return store_of(self)->end;
}

static herr_t driver_set_eoa(H5FD_t *self, H5FD_mem_t Py_UNUSED(type), haddr_t end)
{
    store_of(self)->end = end;
    return 0;
}

/* HDF5 would draw the end back, and give away anew what is still published, or holds old elements. */
static herr_t driver_free(H5FD_t *self, H5FD_mem_t Py_UNUSED(type), hid_t Py_UNUSED(list),
                          haddr_t at, hsize_t size)
{
    ph_store *store = store_of(self);
    if (store->reuses && at + size == store->end) {
        store->end = at;
    }
    return 0;
}

static haddr_t driver_get_eof(const H5FD_t *self, H5FD_mem_t Py_UNUSED(type))
{
    return store_of(self)->physical;
}

static void grow(ph_store *store, uint64_t end)
{
    store->physical = end > store->physical ? end : store->physical;
}

static herr_t driver_read(H5FD_t *self, H5FD_mem_t type, hid_t Py_UNUSED(list), haddr_t at,
                          size_t size, void *bytes)
{
    ph_store *store = store_of(self);
    if (type == H5FD_MEM_DRAW) {
        store->bytes_read += size;
        store->reads++;
        return ph_store_read_file(store->fd, at, bytes, size);
    }
    if (!ph_overlay_has(&store->overlay, at, size) &&
        ph_store_read_file(store->fd, at, bytes, size) < 0) {
        return -1;
    }
    ph_overlay_read(&store->overlay, at, bytes, size);
    return 0;
}

static bool is_zero(const char *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static herr_t driver_write(H5FD_t *self, H5FD_mem_t type, hid_t Py_UNUSED(list), haddr_t at,
                           size_t size, const void *bytes)
{
    ph_store *store = store_of(self);
    grow(store, at + size);
    if (type != H5FD_MEM_DRAW) {
        return ph_overlay_write(&store->overlay, at, bytes, size);
    }
    if (store->mute || (store->fills && is_zero(bytes, size))) {
        return 0;
    }
    store->touched = true;
    store->bytes_written += size;
    store->writes++;
    return ph_store_write_file(store->fd, at, bytes, size);
}

static herr_t driver_truncate(H5FD_t *self, hid_t Py_UNUSED(list), hbool_t Py_UNUSED(closing))
{
    store_of(self)->physical = store_of(self)->end;
    return 0;
}

static const H5FD_class_t driver_class = {
    PH_CLASS_HEAD.name = "pympi",
    .maxaddr = ((haddr_t)1 << 62) - 1,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(given),
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_get_eoa,
    .set_eoa = driver_set_eoa,
    .get_eof = driver_get_eof,
    .free = driver_free,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

const H5FD_class_t *ph_driver_class(void)
{
    return &driver_class;
}

herr_t ph_driver_set(hid_t list, hid_t driver, ph_store *store)
{
    const given what = {store};
    return H5Pset_driver(list, driver, &what);
}
