"""Long times on Communicator Web Access, and a few scenarios in the 2005 profile."""
import unittest

import scenarios

TestScenarios = scenarios.tests_of(scenarios.LONG, *scenarios.ON_CWA)
TestProfile2005 = scenarios.tests_of([path for path in scenarios.SCENARIOS if any(word in path for word in (
    "accepted-login", "no-maximum-capacity", "wrong-password", "im-server-lost", "queued-events."))], *scenarios.ON_CWA, "--profile", "lcs2005")

if __name__ == "__main__":
    unittest.main()
