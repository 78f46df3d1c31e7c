"""The login flow and the sessions of the same scenarios, on Communicator Web Access with a Communications Server behind it."""
import unittest

import scenarios

TestScenarios = scenarios.tests_of([path for path in scenarios.SETTLED if path not in scenarios.LIMITS], *scenarios.ON_CWA)

if __name__ == "__main__":
    unittest.main()
