"""Complete programs in pympi's style, each run by `pympi -n N -m pympi.examples.NAME`.

SPDX-License-Identifier: MIT
"""
