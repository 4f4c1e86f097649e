"""The parts of pympi.vis. SPDX-License-Identifier: MIT"""
