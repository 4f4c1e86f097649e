/* Memory of any size as messages: MPI counts in int, memory does not.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_BUFFERS_H
#define PYMPI_COMMON_BUFFERS_H

#include "modules/common/compat.h"

/* All return MPI's code. */
int pc_buffer_isend(const void *bytes, size_t size, int dest, int tag, MPI_Comm comm,
                    MPI_Request *request);
int pc_buffer_irecv(void *bytes, size_t size, int source, int tag, MPI_Comm comm,
                    MPI_Request *request);
int pc_buffer_imrecv(void *bytes, size_t size, MPI_Message *message, MPI_Request *request);

/* The bytes of a message that was probed. */
int pc_buffer_size(const MPI_Status *status, size_t *size_p);

#endif
