"""h5py's own tests, pointed at pympi.h5: what differs has a reason, and what has a reason differs."""
# SPDX-License-Identifier: MIT
# timeout: 600

import os
import subprocess
import sys
import unittest

import support

RUN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "h5py", "run")


@unittest.skipIf(support.SANITIZED, "python3, which the tests' h5py runs under, too, is not sanitized")
class Tests(unittest.TestCase):
    def test_all(self):
        done = subprocess.run([sys.executable, RUN, "--build", support.BUILD, "--slow", str(support.SLOW)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500 * support.SLOW,
                              check=False)
        if done.returncode == 2:
            self.skipTest(done.stdout.strip())
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
