/* A twin of each communicator that others made and use for small collectives.
 * SPDX-License-Identifier: MIT
 *
 * It hangs on the communicator as an attribute of MPI's, and goes when that is freed, which is
 * collective. The world's stays: by the time its attributes go, MPI is half finalised. */
#include "modules/common/twins.h"

#include <stdlib.h>

#include "modules/common/runtime.h"

#define FEW 16 /* small collectives of a communicator before it gets a twin */

/* A duplicate gets a twin of its own in time. */
static int copy_nothing(MPI_Comm Py_UNUSED(comm), int Py_UNUSED(key), void *Py_UNUSED(extra),
                        void *Py_UNUSED(value), void *Py_UNUSED(copy), int *copied_p)
{
    *copied_p = 0;
    return MPI_SUCCESS;
}

static void unlist(const pc_twin *twin)
{
    pc_twin **link = &pc_runtime_session()->twins;
    while (*link && *link != twin) {
        link = &(*link)->next;
    }
    if (*link) {
        *link = twin->next;
    }
}

static int delete_twin(MPI_Comm comm, int Py_UNUSED(key), void *value, void *Py_UNUSED(extra))
{
    pc_twin *twin = value;
    int code = MPI_SUCCESS;
    unlist(twin);
    pc_party_fini(&twin->party);
    if (comm != MPI_COMM_WORLD && comm != MPI_COMM_SELF && twin->comm != MPI_COMM_NULL) {
        code = PMPI_Comm_free(&twin->comm);
    }
    free(twin);
    return code;
}

int pc_twins_start(void)
{
    return PMPI_Comm_create_keyval(copy_nothing, delete_twin, pc_runtime_twins(), NULL);
}

static pc_twin *add_twin(MPI_Comm comm)
{
    int between = 1;
    pc_twin *twin = NULL;
    if (PMPI_Comm_test_inter(comm, &between) == MPI_SUCCESS && !between) {
        twin = calloc(1, sizeof *twin);
    }
    if (twin) {
        pc_session *session = pc_runtime_session();
        twin->comm = MPI_COMM_NULL;
        twin->users = comm;
        twin->next = session->twins;
        session->twins = twin;
        PMPI_Comm_rank(comm, &twin->rank);
        PMPI_Comm_size(comm, &twin->size);
        PMPI_Comm_set_attr(comm, *pc_runtime_twins(), twin);
    }
    return twin;
}

pc_twin *pc_twin_of(MPI_Comm comm)
{
    pc_twin *twin = NULL;
    int found = 0;
    if (comm == MPI_COMM_NULL ||
        PMPI_Comm_get_attr(comm, *pc_runtime_twins(), &twin, &found) != MPI_SUCCESS) {
        return NULL;
    }
    return found ? twin : add_twin(comm);
}

void pc_twin_use(MPI_Comm comm)
{
    unsigned statement = pc_runtime_get()->statement;
    pc_twin *twin = statement ? pc_twin_of(comm) : NULL;
    if (twin) {
        twin->used = statement;
    }
}

pc_twin *pc_twin_next(MPI_Comm comm, int *due_p)
{
    pc_twin *twin = pc_twin_of(comm);
    *due_p = 0;
    if (!twin) {
        return NULL;
    }
    *due_p = ++twin->begun == FEW;
    return twin->comm != MPI_COMM_NULL || *due_p ? twin : NULL;
}

int pc_twin_make(MPI_Comm comm, pc_twin *twin)
{
    MPI_Group group;
    int code = PMPI_Comm_group(comm, &group);
    if (code == MPI_SUCCESS) {
        code = PMPI_Comm_create(comm, group, &twin->comm);
        PMPI_Group_free(&group);
    }
    return code;
}
