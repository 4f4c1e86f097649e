"""The console in front of fake.py: front.py [SOURCE]. SPDX-License-Identifier: MIT"""
import os
import sys

from pympi import console

sys.executable = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake.py")
sys.exit(console.main())
