"""Killed, stopped and restarted processes, and faults, on Communicator Web Access."""
import unittest

import scenarios

TestScenarios = scenarios.tests_of(scenarios.ROUGH, *scenarios.ON_CWA)

if __name__ == "__main__":
    unittest.main()
