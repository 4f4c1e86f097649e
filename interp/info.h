/* `pympi --info`: what this pympi is made of and how it would run here.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_INFO_H
#define PYMPI_INTERP_INFO_H

#include "interp/options.h"

int pi_info_print(const pi_options *options);

#endif
