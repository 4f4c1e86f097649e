/* Slabs of a dataset to and from a file, by HDF5's parallel driver as a C program uses it.
 * SPDX-License-Identifier: MIT */
#include <hdf5.h>
#include <mpi.h>
#include <stdlib.h>

typedef struct {
    hid_t file, dataset, space;
} opened;

/* A file with one dataset of doubles; NULL when it failed. */
void *bench_open(const char *path, void *comm, int writes, const hsize_t *shape)
{
    opened *one = calloc(1, sizeof *one);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_mpio(access, (MPI_Comm)comm, MPI_INFO_NULL);
    one->space = H5Screate_simple(2, shape, NULL);
    one->file = writes ? H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access)
                       : H5Fopen(path, H5F_ACC_RDONLY, access);
    one->dataset = writes ? H5Dcreate2(one->file, "d", H5T_NATIVE_DOUBLE, one->space, H5P_DEFAULT,
                                       H5P_DEFAULT, H5P_DEFAULT)
                          : H5Dopen2(one->file, "d", H5P_DEFAULT);
    H5Pclose(access);
    if (one->dataset < 0) {
        free(one);
        return NULL;
    }
    return one;
}

/* One slab; collective: by MPI-IO's collective calls. Negative when it failed. */
int bench_move(void *file, int writes, int collective, const hsize_t *start, const hsize_t *count,
               void *data)
{
    const opened *one = file;
    hid_t memory = H5Screate_simple(2, count, NULL), transfer = H5Pcreate(H5P_DATASET_XFER);
    H5Pset_dxpl_mpio(transfer, collective ? H5FD_MPIO_COLLECTIVE : H5FD_MPIO_INDEPENDENT);
    H5Sselect_hyperslab(one->space, H5S_SELECT_SET, start, NULL, count, NULL);
    herr_t code =
        writes ? H5Dwrite(one->dataset, H5T_NATIVE_DOUBLE, memory, one->space, transfer, data)
               : H5Dread(one->dataset, H5T_NATIVE_DOUBLE, memory, one->space, transfer, data);
    H5Pclose(transfer);
    H5Sclose(memory);
    return code;
}

int bench_close(void *file)
{
    opened *one = file;
    H5Sclose(one->space);
    herr_t code = H5Dclose(one->dataset) | H5Fclose(one->file);
    free(one);
    return code;
}
