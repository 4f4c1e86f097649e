"""What pympi.h5 is made of; see README.md.

SPDX-License-Identifier: MIT
"""
