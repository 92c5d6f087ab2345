#!/bin/sh
# Print the path of the first Python >= 3.12 that really runs; a version manager's shim may not.
works() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}
for candidate in python3.12 python3.13 python3.14 python3 python \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python \
    /opt/homebrew/bin/python3.1[2-9] /usr/local/bin/python3.1[2-9]; do
    if works "$candidate"; then
        "$candidate" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done
echo "no Python >= 3.12 with venv found: install one, or say where it is: make PYTHON=path/to/python" >&2
exit 1
