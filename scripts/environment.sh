# Sourced by the scripts here: prepares .venv with the extras given, and leaves $python pointing into it.
# Nothing but python3 (3.11 or newer) with pip is needed. Set PYTHON to use another interpreter.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
environment=$root/.venv
python=$environment/bin/python

prepare() { # prepare EXTRA: installs the package with that extra ("" for none), once for each state of the requirements
  local extra=$1 stamp=$environment/.installed${1:+-$1} wanted
  wanted=$(cat "$root/pyproject.toml" "$root/scripts/constraints.txt" | cksum)
  if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then return; fi
  if ! "$python" -m pip --version >/dev/null 2>&1; then # Missing, or left half made.
    "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
      { echo "error: Python 3.11 or newer is needed; set PYTHON to its path" >&2; exit 2; }
    "${PYTHON:-python3}" -m venv --clear "$environment"
  fi
  echo "installing into $environment ..." >&2
  "$python" -m pip install --quiet --disable-pip-version-check \
    --constraint "$root/scripts/constraints.txt" --editable "$root${extra:+[$extra]}"
  echo "$wanted" >"$stamp"
}
