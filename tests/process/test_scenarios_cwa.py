"""The same scenarios on Communicator Web Access with a Communications Server behind it."""
import unittest

import scenarios

SETTLED = [path for path in scenarios.SCENARIOS if path not in scenarios.LONG + scenarios.ROUGH]
TestScenarios = scenarios.tests_of(SETTLED, "--backend", "cwa")

if __name__ == "__main__":
    unittest.main()
