"""Ready scenarios in which processes are killed, stopped and restarted, and links misbehave."""
import unittest

import scenarios

TestScenarios = scenarios.tests_of(scenarios.ROUGH)

if __name__ == "__main__":
    unittest.main()
