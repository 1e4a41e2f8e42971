#!/usr/bin/env bash
# Make the folder .venv with a Python that can run the project, or say what is missing.
# usage: make_venv.sh FOLDER [PYTHON]
set -eu

folder=$1
wanted=${2:-}

new_enough() {
  command -v "$1" >/dev/null 2>&1 &&
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

python=
for candidate in ${wanted:-python3 python3.13 python3.12 python3.11 python3.14 python}; do
  if new_enough "$candidate"; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  found=$("${wanted:-python3}" --version 2>&1 | head -n 1) || found="no ${wanted:-python3}"
  echo "pixeledu needs Python 3.11 or newer; this machine has: $found" >&2
  echo "Install one, or name it: make PYTHON=/path/to/python3.12 book" >&2
  exit 1
fi

echo "Making $folder with $("$python" --version)"
if ! "$python" -m venv --clear "$folder"; then
  rm -rf "$folder"
  echo "$python cannot make a virtual environment. On Debian and Ubuntu:" >&2
  echo "  sudo apt install python3-venv" >&2
  exit 1
fi
