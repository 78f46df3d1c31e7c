"""The two long ready scenarios."""
import unittest

import scenarios

TestScenarios = scenarios.tests_of(scenarios.LONG)

if __name__ == "__main__":
    unittest.main()
