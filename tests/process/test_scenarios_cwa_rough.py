"""Killed, stopped and restarted processes, and faults, on Communicator Web Access."""
import unittest

import scenarios

TestScenarios = scenarios.tests_of(scenarios.ROUGH, "--backend", "cwa")

if __name__ == "__main__":
    unittest.main()
