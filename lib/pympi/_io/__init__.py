"""The parts of pympi.io: bytes in files, and the formats. SPDX-License-Identifier: MIT"""
