"""What is about seats and limits, a ready scenario per sentence, with the configuration database on PostgreSQL."""
import unittest

import postgres
import scenarios

CHOSEN = ("/accepted-login", "/collab-killed", "/collab-stopped", "/evict-one", "/limits-lowered.", "/maximum-reached-silent",
          "/no-maximum-capacity", "/same-user-again")
PATHS = [path for path in scenarios.SCENARIOS if any(word in path for word in CHOSEN)]
assert len(PATHS) == len(CHOSEN)

TestScenarios = scenarios.tests_of(PATHS, "--database", lambda: postgres.shared().new())

if __name__ == "__main__":
    unittest.main()
