/* MPI's own types and operators for NumPy's.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/native.h"

#include <math.h>
#include <stdint.h>

#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/common/wait.h"
#include "modules/mpi/make.h"

#define PIECE ((Py_ssize_t)1 << 30) /* elements of one call, which counts in int */

/* By NumPy's numbers. */
static MPI_Datatype type_at(int type)
{
    const MPI_Datatype types[] = {MPI_C_BOOL,
                                  MPI_SIGNED_CHAR,
                                  MPI_UNSIGNED_CHAR,
                                  MPI_SHORT,
                                  MPI_UNSIGNED_SHORT,
                                  MPI_INT,
                                  MPI_UNSIGNED,
                                  MPI_LONG,
                                  MPI_UNSIGNED_LONG,
                                  MPI_LONG_LONG,
                                  MPI_UNSIGNED_LONG_LONG,
                                  MPI_FLOAT,
                                  MPI_DOUBLE,
                                  MPI_LONG_DOUBLE,
                                  MPI_C_FLOAT_COMPLEX,
                                  MPI_C_DOUBLE_COMPLEX,
                                  MPI_C_LONG_DOUBLE_COMPLEX};
    return type >= 0 && type < (int)(sizeof types / sizeof *types) ? types[type]
                                                                   : MPI_DATATYPE_NULL;
}

/* numpy.minimum and maximum keep a NaN, which MPI's own operators may lose. */
#define KEEP_NAN(name, real, less)                                                                 \
    static void name(const real *left, real *right, int count)                                     \
    {                                                                                              \
        for (int i = 0; i < count; i++) {                                                          \
            right[i] = left[i] less right[i] || isnan(left[i]) ? left[i] : right[i];               \
        }                                                                                          \
    }
KEEP_NAN(min_float, float, <=)
KEEP_NAN(min_double, double, <=)
KEEP_NAN(min_long_double, long double, <=)
KEEP_NAN(max_float, float, >=)
KEEP_NAN(max_double, double, >=)
KEEP_NAN(max_long_double, long double, >=)
#undef KEEP_NAN

static void keep_nan_min(void *left, void *right, int *count, MPI_Datatype *type)
{
    if (*type == MPI_DOUBLE) {
        min_double(left, right, *count);
    } else if (*type == MPI_FLOAT) {
        min_float(left, right, *count);
    } else {
        min_long_double(left, right, *count);
    }
}

static void keep_nan_max(void *left, void *right, int *count, MPI_Datatype *type)
{
    if (*type == MPI_DOUBLE) {
        max_double(left, right, *count);
    } else if (*type == MPI_FLOAT) {
        max_float(left, right, *count);
    } else {
        max_long_double(left, right, *count);
    }
}

/* Numbers of 8 and 16 bits wrap round, as NumPy's do: with AVX Open MPI's own sum stops at the largest. */
static void wrapping_sum(void *left, void *right, int *count, MPI_Datatype *type)
{
    const uint8_t *bytes = left;
    const uint16_t *words = left;
    int size;
    PMPI_Type_size(*type, &size);
    for (int i = 0; i < *count; i++) {
        if (size == 1) {
            ((uint8_t *)right)[i] = (uint8_t)(((uint8_t *)right)[i] + bytes[i]);
        } else {
            ((uint16_t *)right)[i] = (uint16_t)(((uint16_t *)right)[i] + words[i]);
        }
    }
}

static MPI_Op made_once(MPI_Op *op, MPI_User_function *function)
{
    if (*op == NULL && MPI_Op_create(function, 1, op) != MPI_SUCCESS) {
        *op = MPI_OP_NULL;
    }
    return *op;
}

/* On truth values every operator is a logical one, as NumPy has it. */
static MPI_Op logical_op(pm_operation_id op)
{
    switch (op) {
    case PM_OP_SUM:
    case PM_OP_MAX:
    case PM_OP_LOR:
    case PM_OP_BOR:
        return MPI_LOR;
    case PM_OP_PROD:
    case PM_OP_MIN:
    case PM_OP_LAND:
    case PM_OP_BAND:
        return MPI_LAND;
    case PM_OP_LXOR:
    case PM_OP_BXOR:
        return MPI_LXOR;
    default:
        return MPI_OP_NULL;
    }
}

static MPI_Op sum_op(pm_state *state, int type)
{
    enum { SHORTEST = 1, SHORT = 4 };
    return type >= SHORTEST && type <= SHORT ? made_once(&state->wrapping_sum, wrapping_sum)
                                             : MPI_SUM;
}

static MPI_Op integer_op(pm_operation_id op)
{
    switch (op) {
    case PM_OP_MIN:
        return MPI_MIN;
    case PM_OP_MAX:
        return MPI_MAX;
    case PM_OP_BAND:
        return MPI_BAND;
    case PM_OP_BOR:
        return MPI_BOR;
    case PM_OP_BXOR:
        return MPI_BXOR;
    default:
        return MPI_OP_NULL;
    }
}

static MPI_Op real_op(pm_state *state, pm_operation_id op)
{
    return op == PM_OP_MIN   ? made_once(&state->keep_nan_min, keep_nan_min)
           : op == PM_OP_MAX ? made_once(&state->keep_nan_max, keep_nan_max)
                             : MPI_OP_NULL;
}

bool pm_native_find(pm_state *state, int type, pm_operation_id op, MPI_Datatype *type_p,
                    MPI_Op *op_p)
{
    enum { BOOL = 0, FLOAT = 11, COMPLEX = 14 };
    *type_p = type_at(type);
    if (type == BOOL) {
        *op_p = logical_op(op);
    } else if (op == PM_OP_SUM || op == PM_OP_PROD) {
        *op_p = op == PM_OP_SUM ? sum_op(state, type) : MPI_PROD;
    } else if (type < FLOAT) {
        *op_p = integer_op(op);
    } else {
        *op_p = type < COMPLEX ? real_op(state, op) : MPI_OP_NULL;
    }
    return *type_p != MPI_DATATYPE_NULL && *op_p != MPI_OP_NULL;
}

static int start_piece(const pm_comm *comm, const char *from, char *to, int count,
                       MPI_Datatype type, MPI_Op op, int root, MPI_Request *request)
{
    return root < 0 ? MPI_Iallreduce(from, to, count, type, op, comm->inner, request)
                    : MPI_Ireduce(from, to, count, type, op, root, comm->inner, request);
}

int pm_native_reduce(pm_comm *comm, const void *from, void *to, Py_ssize_t count, MPI_Datatype type,
                     MPI_Op op, int root, PyObject *owner, const char *call)
{
    int size, result = pm_make_gate(comm->inner, NULL, 0, call);
    pc_board_wait wait = {.call = call, .peer = PC_BOARD_NOBODY};
    wait.firm = pc_runtime_get()->statement != 0; /* all are behind the gate */
    MPI_Type_size(type, &size);
    for (Py_ssize_t at = 0; at < count && result == 0; at += PIECE) {
        MPI_Request request;
        int piece = (int)(count - at < PIECE ? count - at : PIECE);
        size_t offset = (size_t)at * (size_t)size;
        int code = start_piece(comm, (const char *)from + offset, to ? (char *)to + offset : NULL,
                               piece, type, op, root, &request);
        result = code == MPI_SUCCESS ? pc_wait_all_noted(&request, 1, owner, &wait)
                                     : pc_error_set(call, code);
    }
    return result < 0 || PyErr_Occurred() ? -1 : 0;
}
