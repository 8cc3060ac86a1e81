#!/usr/bin/env python3
"""Runs the Python interop tests: `run.py` for all, `run.py CASE ...` for those whose names match.

NERVURE_TEST_SERVER names the server program. The tests' packages are installed into tests/.venv
when they are missing or no longer those of requirements.txt.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
ENVIRONMENT = HERE.parent.parent / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
REQUIREMENTS = HERE / "requirements.txt"
INSTALLED = ENVIRONMENT / "interop-requirements.txt"


def prepare() -> None:
    """Makes the environment hold exactly what requirements.txt asks for."""
    wanted = REQUIREMENTS.read_text()
    if INSTALLED.exists() and INSTALLED.read_text() == wanted:
        return
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    install = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--requirement", str(REQUIREMENTS)], check=True)
    INSTALLED.write_text(wanted)


def main(cases: list[str]) -> int:
    """Runs the cases named, or all; returns pytest's exit status."""
    prepare()
    command = [str(PYTHON), "-m", "pytest", "--durations=5"]
    if cases:
        command += ["-k", " or ".join(cases)]
    return subprocess.run(command, cwd=HERE).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
