# Presses TAB behind each line in an interactive bash or zsh. Prints all that is shown; `<LINE>` is the line afterwards.
#   zsh -f tab.zsh SHELL SCRIPT LINE...   SCRIPT is sourced, or a function _uchroot that zsh loads itself
zmodload zsh/zpty
shell=$1 script=$2
shift 2
case $shell in
  (bash)
    zpty tty bash --norc --noprofile -i
    zpty -w tty "PS1=; stty cols 200; bind 'set show-all-if-ambiguous on' 'set page-completions off' 'set completion-query-items 0'"
    zpty -w tty "bind 'set enable-bracketed-paste off' '\"\\C-t\": complete' 'TAB: \"\\C-t\\C-g\"'"
    zpty -w tty 'tell() { printf "<%s>\n" "$READLINE_LINE"; READLINE_LINE= READLINE_POINT=0; }; bind -x "\"\\C-g\": tell"'
    ;;
  (zsh)
    zpty tty zsh -f -i
    zpty -w tty 'PS1= PS2= RPS1=; stty cols 200; LISTMAX=0'
    zpty -w tty "fpath=(${script:h} \$fpath); autoload -Uz compinit; compinit -D -u"
    zpty -w tty 'tell() { zle complete-word; local line=$BUFFER; BUFFER=; zle -I; print -r -- "<$line>" }; zle -N tell; bindkey "^I" tell'
    ;;
esac
[[ ${script:t} == _uchroot ]] || zpty -w tty "source $script"
# the line that is typed is shown too
zpty -w tty "printf '%s%s\n' REA DY"
zpty -r tty out $'*READY\r\n*'
for line; do
  zpty -w -n tty "$line"$'\t'
  zpty -r tty out $'*<*>\r\n*'
  print -r -- "$out"
done
# what zsh lists comes behind the line
zpty -w tty "printf '%s%s\n' DO NE"
zpty -r tty out $'*DONE\r\n*'
print -r -- "$out"
zpty -d tty
