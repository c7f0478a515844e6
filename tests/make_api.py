"""Makes the API reference, whose search also works in a browser without a server.

``python -m tests.make_api``; what of, and where, is in ``pyproject.toml``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.support import ROOT

READ = ("all-documents.html", "fullsearchindex.json", "lunr.js", "searchindex.json")
"""What the search of pydoctor's pages reads; see ``docs/_templates/api/ajax.js``."""


def main() -> None:
    """Run pydoctor, and make a script of each file that the search reads."""
    subprocess.run([sys.executable, "-m", "pydoctor", "--quiet"], cwd=ROOT, check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folder = Path(ROOT, project["tool"]["pydoctor"]["html-output"])
    for name in READ:
        text = json.dumps((folder / name).read_text())
        (folder / f"{name}.js").write_text(f'_texts["{name}"] = {text};\n')


if __name__ == "__main__":
    main()
