#compdef uchroot uchroot-inetd uchroot-jail uchroot-service uchroot-tcpd
# Completes these commands in zsh. `uchroot --completion zsh` prints it: for the file _uchroot in a directory of fpath, or to be
# sourced after compinit.

# A line is an option `KEY|--OPTION|SOURCE|HELP`, a command `KEY|!COMMAND|SUMMARY`, operands `KEY|+|SOURCE...`, `KEY|<|KEY` for the
# options of another key, or `KEY|.` if the first operand ends the options. SOURCE is a kind of value, and words.
typeset -g _uchroot_table='@TABLE@'

# Reads the rows of a key: options (--OPTION|SOURCE|HELP), commands, sources of operands, and whether an operand ends the options.
_uchroot_rows() {
  local row
  for row in ${(M)${(f)_uchroot_table}:#$1\|*}; do
    row=${row#*\|}
    case $row in
      ('<|'*) _uchroot_rows ${row#'<|'} ;;
      ('+|'*) operands=(${=row#'+|'}) ;;
      (.) ends=1 ;;
      ('!'*) commands+=(${${row#'!'}/\|/:}) ;;
      (*) options+=($row) ;;
    esac
  done
}

# The source of an option's value; fails if the option takes none.
_uchroot_source() {
  local row=${${(M)options:#$1\|*}[1]#*\|}
  REPLY=${row%%\|*}
  [[ -n $REPLY ]]
}

# Offers paths in a jail.
_uchroot_jail() {
  local jail=${~1%/}
  [[ -n $1 ]] || return 1
  if compset -P /; then _path_files -W $jail/
  else [[ -n $PREFIX ]] || compadd -S '' /; fi
}

# Offers what a source has for the current word.
_uchroot_offer() {
  local kind=${1%% *}
  local -a rest=(${=1#$kind})
  case $kind in
    (list) compset -P '*,'; compadd -S '' -a rest; return ;;
    (group) compset -P '*,'; _groups -S '' ;;
    (assign) compadd -S = -a rest; return ;;
    (file) _files ;;
    (directory) _files -/ ;;
    (user) _users ;;
    (owner) if compset -P '*:'; then _groups; else _users; fi ;;
    (variable) compset -P '*,'; compadd -S '' -- ${(k)parameters[(R)*export*]} ;;
    (program) _alternative 'commands:command:_command_names -e' 'files:file:_files' ;;
    (package) compadd -- ${(f)"$(dpkg-query -W -f '${Package}\n' "$PREFIX*" 2>/dev/null)"} ;;
    (unit) compadd -- ${${(f)"$(systemctl list-unit-files --type=service --no-legend 2>/dev/null)"}%%.service *} ;;
    (adopted) compadd -- /var/lib/uchroot/services/*(N:t) ;;
    (jail*) _uchroot_jail ${(Q)given[${kind#jail}]} ;;
  esac
  ((! $#rest)) || compadd -a rest
}

_uchroot() {
  local key=${words[1]:t} cur=$words[CURRENT] word pending over ends REPLY
  local -a options commands operands given rows
  _uchroot_rows $key
  for word in "${(@)words[2,CURRENT-1]}"; do
    if [[ -n $pending ]]; then pending=
    elif [[ -z $over && $word == -- ]]; then over=1
    elif [[ -z $over && $word == --*=* ]]; then continue
    elif [[ -z $over && $word == -?* ]]; then ! _uchroot_source $word || pending=$REPLY
    elif [[ $#given == 0 && $key != *' '* && -n ${(M)commands:#$word:*} ]]; then
      key+=" $word" options=() commands=() operands=() ends=
      _uchroot_rows $key
    else
      given+=("$word")
      over=${over:-$ends}
    fi
  done

  if [[ -n $pending ]]; then _uchroot_offer $pending
  elif [[ -z $over && $cur == --*=* ]]; then
    compset -P '*='
    ! _uchroot_source ${cur%%=*} || _uchroot_offer $REPLY
  elif [[ -z $over && $cur == -* ]]; then
    for word in $options; do rows+=(${word%%\|*}:${word#*\|*\|}); done
    _describe -o option rows
  else
    (($#given)) || ((! $#commands)) || _describe command commands
    word=${operands[$#given + 1]}
    [[ -n $word || ${operands[-1]} != *... ]] || word=$operands[-1]
    [[ -z $word ]] || _uchroot_offer ${word%...}
  fi
}

if [[ $funcstack[1] == _uchroot ]]; then _uchroot "$@"
else compdef _uchroot uchroot uchroot-inetd uchroot-jail uchroot-service uchroot-tcpd; fi
