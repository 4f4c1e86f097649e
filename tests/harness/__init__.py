"""What tests/run and the tests of the executable share: how one test is started and cleaned up."""
# SPDX-License-Identifier: MIT
