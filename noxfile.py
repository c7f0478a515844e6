"""All checks, for nox: each in a virtual environment of its own.

Inside an environment that has the extra ``dev``, ``nox --no-venv --no-install`` runs
them there instead, each once.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import nox

nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
"""Those of the classifiers; nox skips, and names, those that the machine lacks."""


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=PYTHONS)
def types(session: nox.Session) -> None:
    """Check types."""
    install(session)
    session.run("mypy")
    # As users run it: strict, and without the plugin that knows zope's interfaces.
    user = ("--config-file=", "--strict", "--follow-imports=silent")
    session.run("mypy", *user, "tests/strict_user.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Make a site of the documentation, in build/docs, and look at all its pages."""
    install(session)
    strictly = ("--quiet", "--fail-on-warning", "--keep-going", "--nitpicky")
    places = ("--conf-dir", "docs", "--doctree-dir", "build/doctrees", ".")
    # As a module, so that docs/conf.py can import what the tests know of lessons.
    session.run(
        "python", "-m", "sphinx", *strictly, "--fresh-env", *places, "build/docs"
    )
    session.run("python", "-m", "tests.make_api")
    session.run("python", "-m", "tests.look_at_docs", "build/docs")


@nox.session
def dist(session: nox.Session) -> None:
    """Build the sdist and the wheel in dist, and check them.

    Built again, from the tree and from the unpacked sdist, they have the same bytes.
    """
    install(session)
    build = ("python", "-m", "build", "--no-isolation")
    shutil.rmtree("dist", ignore_errors=True)
    session.run(*build, "--outdir", "dist", silent=True)
    [sdist], [wheel] = Path("dist").glob("*.tar.gz"), Path("dist").glob("*.whl")
    session.run("twine", "check", "--strict", str(sdist), str(wheel))
    session.run("check-wheel-contents", str(wheel))
    with tempfile.TemporaryDirectory() as folder:
        shutil.unpack_archive(sdist, folder, filter="data")
        source = Path(folder, sdist.name.removesuffix(".tar.gz"))
        session.run(*build, "--outdir", folder, str(source), silent=True)
        session.run(*build, "--outdir", f"{folder}/tree", "--wheel", silent=True)
        for again in (*Path(folder).glob("*.tar.gz"), *Path(folder).glob("**/*.whl")):
            if again.read_bytes() != Path("dist", again.name).read_bytes():
                session.error(f"{again.name} is not the same when it is built again")


@nox.session
def changelog(session: nox.Session) -> None:
    """Show what the next release's part of the changelog is, so far."""
    install(session)
    session.run("towncrier", "build", "--draft", "--version", "NEXT")


@nox.session
def lessons(session: nox.Session) -> None:
    """Give the lessons, and write them with their figures, in build/lessons."""
    install(session)
    session.run("python", "-m", "tests.make_lessons", "build/lessons")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Run the benchmarks as briefly as they can be run, so that they stay whole."""
    install(session)
    timed = ("python", "benchmarks/run.py", "--quick")
    with tempfile.TemporaryDirectory() as folder:
        result, page = f"{folder}/result.json", f"{folder}/README.md"
        shutil.copy("benchmarks/README.md", page)
        session.run(*timed, "--save", result)
        session.run("python", "benchmarks/report.py", result, page)
    if Path(".git").exists():
        session.run(*timed, "--compare", "HEAD", "classic", "many")
    session.run("python", "benchmarks/reliability.py", "--quick")
    session.run("python", "benchmarks/page.py", "--minutes", "0.3", "--peers", "200")


@nox.session(python=PYTHONS)
def trial(session: nox.Session) -> None:
    """Run the tests under trial, and measure their coverage.

    Three processes share out the modules.
    """
    install(session)
    modules = " ".join(f"tests.{each.stem}" for each in Path("tests").glob("test_*.py"))
    with tempfile.TemporaryDirectory() as folder:
        session.env["COVERAGE_FILE"] = str(Path(folder, "coverage"))
        # Not trial's --jobs: its messages between processes are at most 64 KiB long.
        trial = f'coverage run -m twisted.trial --temp-directory={folder}/$$ "$@"'
        shared = f"echo {modules} | xargs -P 3 -n 6 sh -c 'exec {trial}' trial"
        session.run("sh", "-c", shared, external=True)
        session.run("coverage", "combine", "-q")
        session.run("coverage", "report")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests under pytest; or some, by name."""
    install(session)
    session.run("pytest", *(session.posargs or ("-q", "-n", "2")))


def install(session: nox.Session) -> None:
    """Install echolab and the tools, in the versions that pyproject.toml names."""
    session.install("-e", ".[dev]")
