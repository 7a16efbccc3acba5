# Completes uchroot, uchroot-inetd, uchroot-jail, uchroot-service and uchroot-tcpd in bash. `uchroot --completion bash` prints it.
# shellcheck shell=bash disable=SC2016 # the help lines have backquotes

# A line is an option `KEY|--OPTION|SOURCE|HELP`, a command `KEY|!COMMAND|SUMMARY`, operands `KEY|+|SOURCE...`, `KEY|<|KEY` for the
# options of another key, or `KEY|.` if the first operand ends the options. SOURCE is a kind of value, and words.
_uchroot_table='@TABLE@'

# Reads the rows of a key: options (--OPTION|SOURCE|HELP), commands, sources of operands, and whether an operand ends the options.
_uchroot_rows() {
  local key rest
  while IFS='|' read -r key rest; do
    [[ $key == "$1" ]] || continue
    case $rest in
      '<|'*) _uchroot_rows "${rest#'<|'}" ;;
      '+|'*) read -ra operands <<<"${rest#'+|'}" ;;
      .) ends=1 ;;
      '!'*) commands+=("${rest#'!'}") ;;
      *) options+=("$rest") ;;
    esac
  done <<<"$_uchroot_table"
}

# The source of an option's value; fails if the option takes none.
_uchroot_source() {
  local row name source
  for row in "${options[@]}"; do
    IFS='|' read -r name source _ <<<"$row"
    [[ $name == "$1" ]] || continue
    REPLY=$source
    [[ -n $source ]]
    return
  done
  return 1
}

# Offers `WORD|HELP` rows that begin with the current word. The help shows if several are left, and not to commands that insert them.
_uchroot_describe() {
  local row rows=() width=0 word
  for row; do
    [[ $row != "$cur"* ]] || rows+=("$row")
  done
  for row in "${rows[@]}"; do
    word=${row%%|*}
    ((${#word} <= width)) || width=${#word}
  done
  for row in "${rows[@]}"; do
    word=${row%%|*}
    # 37 and 42: menu-complete and insert-completions
    if ((${#rows[@]} == 1 || COMP_TYPE == 37 || COMP_TYPE == 42)); then COMPREPLY+=("$word")
    else
      printf -v word '%-*s  (%s)' "$width" "$word" "${row#*|}"
      COMPREPLY+=("${word:0:COLUMNS>40 ? COLUMNS - 1 : 79}")
    fi
  done
}

_uchroot_lines() { mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen "$@"); }

# Offers the words behind the last comma of the current word.
_uchroot_list() {
  local before=
  [[ $cur != *,* ]] || before=${cur%,*},
  mapfile -t COMPREPLY < <(compgen -P "$before" "${@}" -- "${cur##*,}")
  compopt -o nospace
}

# Offers paths in a jail.
_uchroot_jail() {
  local jail=${1%/} path
  [[ -n $1 ]] || return
  [[ $jail != '~'* ]] || jail=$HOME${jail#'~'}
  compopt -o nospace
  if [[ -z $cur ]]; then COMPREPLY=(/); return; fi
  while IFS= read -r path; do
    printf -v word %q "${path#"$jail"}"
    if [[ -d $path ]]; then word+=/; else word+=' '; fi
    COMPREPLY+=("$word")
  done < <(compgen -f -- "$jail$cur")
}

# Offers what a source has for the current word.
_uchroot_offer() {
  local kind words
  read -r kind words <<<"$1"
  case $kind in
    list) _uchroot_list -W "$words" ;;
    group) _uchroot_list -g ;;
    assign) mapfile -t COMPREPLY < <(compgen -S = -W "$words" -- "$cur"); compopt -o nospace; return ;;
    file) compopt -o filenames; _uchroot_lines -f -- "$cur" ;;
    directory) compopt -o filenames; _uchroot_lines -d -- "$cur" ;;
    user) _uchroot_lines -u -- "$cur" ;;
    owner)
      if [[ $cur == *:* ]]; then _uchroot_lines -g -P "${cur%%:*}:" -- "${cur#*:}"
      else _uchroot_lines -u -- "$cur"; fi
      ;;
    variable) _uchroot_list -e ;;
    program) compopt -o filenames; _uchroot_lines -c -- "$cur" ;;
    package) _uchroot_lines -W "$(dpkg-query -W -f '${Package}\n' "$cur*" 2>/dev/null)" -- "$cur" ;;
    unit) _uchroot_lines -W "$(systemctl list-unit-files --type=service --no-legend 2>/dev/null | sed 's/\.service .*//')" -- "$cur" ;;
    adopted) _uchroot_lines -W "$(ls /var/lib/uchroot/services 2>/dev/null)" -- "$cur" ;;
    jail*) _uchroot_jail "${given[${kind#jail} - 1]-}" ;;
  esac
  [[ $kind == list || -z $words ]] || _uchroot_lines -W "$words" -- "$cur"
}

_uchroot() {
  local words=() word glue='' cur key options=() commands=() operands=() given=()
  local ends='' pending='' over='' before='' REPLY
  # readline cuts words at = and : (COMP_WORDBREAKS)
  for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    if ((${#words[@]} > 1)) && [[ $glue || $word == [=:]* ]]; then words[-1]+=$word
    else words+=("$word"); fi
    glue=
    [[ $word != [=:] ]] || glue=1
  done
  key=${words[0]##*/}
  cur=${words[-1]}
  unset 'words[-1]'
  ((${#words[@]} > 0)) || return
  _uchroot_rows "$key"
  COMPREPLY=()
  for word in "${words[@]:1}"; do
    if [[ -n $pending ]]; then pending=
    elif [[ -z $over && $word == -- ]]; then over=1
    elif [[ -z $over && $word == --*=* ]]; then :
    elif [[ -z $over && $word == -?* ]]; then ! _uchroot_source "$word" || pending=$REPLY
    elif ((${#given[@]} == 0)) && [[ $key != *' '* && -n ${commands[*]} && " ${commands[*]%%|*} " == *" $word "* ]]; then
      key+=" $word" options=() commands=() operands=() ends=
      _uchroot_rows "$key"
    else
      given+=("$word")
      over=${over:-$ends}
    fi
  done

  if [[ -n $pending ]]; then _uchroot_offer "$pending"
  elif [[ -z $over && $cur == --*=* ]]; then
    before=${cur%%=*}=
    cur=${cur#*=}
    ! _uchroot_source "${before%=}" || _uchroot_offer "$REPLY"
  elif [[ -z $over && $cur == -* ]]; then
    local rows=()
    for word in "${options[@]}"; do rows+=("${word%%|*}|${word#*|*|}"); done
    _uchroot_describe "${rows[@]}"
  else
    ((${#given[@]} > 0)) || _uchroot_describe "${commands[@]}"
    local last=$((${#operands[@]} > 0 ? ${#operands[@]} - 1 : 0))
    word=${operands[${#given[@]}]-}
    [[ -n $word || ${operands[last]-} != *... ]] || word=${operands[last]}
    [[ -z $word ]] || _uchroot_offer "${word%...}"
  fi
  # readline replaces only what follows the last break
  if [[ $COMP_WORDBREAKS == *[=:]* && $cur == *[=:]* ]]; then
    before=${cur%"${cur##*[=:]}"}
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
  fi
}

complete -F _uchroot uchroot uchroot-inetd uchroot-jail uchroot-service uchroot-tcpd
