"""The login flow and the settings, a ready scenario per sentence, on the real processes."""
import unittest

import scenarios

TestScenarios = scenarios.tests_of(scenarios.SETTLED)

if __name__ == "__main__":
    unittest.main()
