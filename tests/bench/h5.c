/* One slab of a dataset to or from a file, by HDF5's parallel driver as a C program has it by default.
 * SPDX-License-Identifier: MIT */
#include <hdf5.h>
#include <mpi.h>

/* The seconds that the transfer took, between two barriers; negative when it failed. */
double bench_h5(const char *path, void *comm_p, int writes, const hsize_t *shape,
                const hsize_t *start, const hsize_t *count, double *data)
{
    MPI_Comm comm = (MPI_Comm)comm_p;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), space = H5Screate_simple(2, shape, NULL);
    hid_t memory = H5Screate_simple(2, count, NULL);
    H5Pset_fapl_mpio(access, comm, MPI_INFO_NULL);
    hid_t file = writes ? H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access)
                        : H5Fopen(path, H5F_ACC_RDONLY, access);
    hid_t dataset = writes ? H5Dcreate2(file, "d", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT,
                                        H5P_DEFAULT, H5P_DEFAULT)
                           : H5Dopen2(file, "d", H5P_DEFAULT);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    PMPI_Barrier(comm);
    double began = PMPI_Wtime();
    herr_t code = writes ? H5Dwrite(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, data)
                         : H5Dread(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, data);
    PMPI_Barrier(comm);
    double spent = PMPI_Wtime() - began;
    H5Dclose(dataset);
    H5Fclose(file);
    H5Sclose(memory);
    H5Sclose(space);
    H5Pclose(access);
    return code < 0 ? -1 : spent;
}
