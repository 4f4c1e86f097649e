/* The collective verbs as methods of Comm.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/verbs.h"

#include "modules/common/errors.h"
#include "modules/mpi/args.h"
#include "modules/mpi/reduce.h"
#include "modules/mpi/request.h"

#define BEGIN_ONLY(name, arguments)                                                                \
    PyObject *pm_verb_i##name(PM_BEGIN)                                                            \
    {                                                                                              \
        return pm_request_start(pm_begin_##name(self, args, count, names));                        \
    }                                                                                              \
    const char pm_comm_i##name##_doc[] =                                                           \
        "i" #name arguments "Begins " #name                                                        \
        "() and gives a Request, whose wait() gives its result.\n"                                 \
        "Collective over comm: all ranks begin such verbs in the same order, and none of them\n"   \
        "meets the verb that waits. Arguments and errors are those of " #name "().";
PM_VERBS(BEGIN_ONLY)
#undef BEGIN_ONLY

#define BEGIN_AND_WAIT(name)                                                                       \
    PyObject *pm_verb_##name(PM_BEGIN)                                                             \
    {                                                                                              \
        return pm_work_run(pm_begin_##name(self, args, count, names));                             \
    }
BEGIN_AND_WAIT(bcast)
BEGIN_AND_WAIT(scatter)
BEGIN_AND_WAIT(gather)
BEGIN_AND_WAIT(allgather)
BEGIN_AND_WAIT(alltoall)
BEGIN_AND_WAIT(scan)
BEGIN_AND_WAIT(exscan)
#undef BEGIN_AND_WAIT

/* The ones that have a shorter way when they wait. */
PyObject *pm_verb_barrier(PM_BEGIN)
{
    static const pm_signature signature = {"barrier", 0, 0, {NULL}};
    if (pm_args_read(&signature, args, count, names, NULL) < 0 ||
        pm_collective_meet((pm_comm *)self, "barrier") < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *pm_verb_reduce(PM_BEGIN)
{
    return pm_comm_reduce(self, args, count, names);
}

PyObject *pm_verb_allreduce(PM_BEGIN)
{
    return pm_comm_allreduce(self, args, count, names);
}

PyObject *pm_verb_reduce_scatter(PM_BEGIN)
{
    return pm_comm_reduce_scatter(self, args, count, names);
}
