#!/bin/sh
# oddflow as Debian's package has it: its own Python environment, and the settings of /etc where none are named.
: "${ODDFLOW_CONFIG=/etc/oddflow/oddflow.toml}"
: "${NUMBA_CACHE_DIR=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/oddflow}"
export ODDFLOW_CONFIG NUMBA_CACHE_DIR
exec /usr/lib/oddflow/bin/python -I -B -m detector "$@"
