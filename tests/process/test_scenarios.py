"""The login flow and the settings, a ready scenario per sentence, on the real processes."""
import unittest

import scenarios

TestScenarios = scenarios.tests_of([path for path in scenarios.SCENARIOS if path not in scenarios.LONG + scenarios.ROUGH])

if __name__ == "__main__":
    unittest.main()
