"""The limits: who is refused and who makes room, on Communicator Web Access."""
import unittest

import scenarios

TestScenarios = scenarios.tests_of(scenarios.LIMITS, *scenarios.ON_CWA)

if __name__ == "__main__":
    unittest.main()
