"""The pages: every link leads somewhere, every page can be reached, every folder that the design names is there."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def links(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            yield (page.parent / target).resolve()


class Docs(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        missing = [f"{page.relative_to(ROOT)} -> {target}" for page in PAGES for target in links(page) if not target.exists()]
        self.assertEqual(missing, [])

    def test_every_page_is_reached_from_the_readme(self):
        reached, todo = set(), [ROOT / "README.md"]
        while todo:
            page = todo.pop()
            if page in reached or page.suffix != ".md":
                continue
            reached.add(page)
            todo.extend(links(page))
        self.assertEqual([str(p.relative_to(ROOT)) for p in PAGES if p not in reached], [])

    def test_the_folders_of_the_design_are_there(self):
        table = (ROOT / "docs" / "design.md").read_text().split("## 2.")[0]
        folders = [f for row in table.splitlines() if row.startswith("| `") for f in re.findall(r"`([a-z/ ]+)/`", row.split("|")[1])]
        self.assertGreater(len(folders), 8)
        self.assertEqual([f for f in folders if not (ROOT / f).is_dir()], [])

    def test_every_threat_is_held_by_tests_that_exist(self):
        page = (ROOT / "docs" / "security.md").read_text()
        named = re.findall(r"`(tests/[\w/.]+)::(\w+)`", page)
        self.assertGreater(len(named), 50)
        self.assertEqual([f"{file}::{test}" for file, test in named
                          if not re.search(rf"def {test}\(self|static void {test}\(void \*\*state\)", (ROOT / file).read_text())], [])
        threats = page.partition("## Threats")[2].partition("\n## ")[0]
        rows = [row for row in threats.splitlines() if row.startswith("| ") and not row.startswith(("| threat |", "| ---"))]
        self.assertEqual([row for row in rows if "::" not in row.split("|")[3]], [])


if __name__ == "__main__":
    unittest.main()
