#!/usr/bin/env python3
"""The committed vectors are what the script makes: neither was changed alone."""
import os
import unittest

import make_vectors


class Vectors(unittest.TestCase):
    def test_committed_files_are_what_the_script_makes(self):
        seen = 0
        for name, content in make_vectors.formats():
            with self.subTest(format=name):
                with open(os.path.join(make_vectors.HERE, name + ".txt"), encoding="utf-8") as committed:
                    self.assertEqual(committed.read(), content)
                seen += 1
        self.assertGreaterEqual(seen, 3)


if __name__ == "__main__":
    unittest.main()
