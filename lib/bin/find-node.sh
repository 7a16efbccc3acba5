#!/usr/bin/env sh
':' //; [ -z "$NODE_OPTIONS" ] || { export UCHROOT_NODE_OPTIONS="$NODE_OPTIONS"; unset NODE_OPTIONS; }
':' //; command -v node >/dev/null && exec node FLAG'--inspect-port=[ff00::]' -- "$0" "$@"
':' //; exec >&2; echo "${0##*/}: there is no node in PATH"
':' //; case "$*" in *[!a-zA-Z0-9_./:=,@+\ -]*) set -- ...; esac
':' //; [ -n "$SUDO_USER" ] && echo "hint: sudo env \"PATH=\$PATH\" ${0##*/} $*   # sudo sets a PATH of its own"
':' //; [ -n "$SUDO_USER" ] || echo 'hint: install Node, or add the directory of node to PATH'; exit 127
