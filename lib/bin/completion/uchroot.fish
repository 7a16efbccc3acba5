# Completes uchroot, uchroot-inetd, uchroot-jail, uchroot-service and uchroot-tcpd in fish. `uchroot --completion fish` prints it.

# A line is an option `KEY|--OPTION|SOURCE|HELP`, a command `KEY|!COMMAND|SUMMARY`, operands `KEY|+|SOURCE...`, `KEY|<|KEY` for the
# options of another key, or `KEY|.` if the first operand ends the options. SOURCE is a kind of value, and words.
set -g __uchroot_table (string split \n -- '@TABLE@')

# Reads the rows of a key into the lists of the caller: options (--OPTION|SOURCE|HELP), commands, operands, ends.
function __uchroot_rows --no-scope-shadowing
    for row in (string match -- "$argv[1]|*" $__uchroot_table | string replace -r '^[^|]*\|' '')
        switch $row
            case '<|*'
                __uchroot_rows (string sub -s 3 -- $row)
            case '+|*'
                set operands (string split ' ' -- (string sub -s 3 -- $row))
            case .
                set ends 1
            case '!*'
                set -a commands (string sub -s 2 -- $row | string replace '|' \t)
            case '*'
                set -a options $row
        end
    end
end

# Offers paths in the jail of the first argument.
function __uchroot_jail
    set -l jail (string trim -r -c / -- (string replace -r '^~' $HOME -- $argv[1]))
    test -n "$argv[1]"; or return
    if test -z "$argv[2]"
        echo /
        return
    end
    for path in $jail$argv[2]*
        set -l inside (string sub -s (math 1 + (string length -- "$jail")) -- $path)
        test -d $path; and set inside $inside/
        echo $inside
    end
end

# Offers what a source has for a word.
function __uchroot_offer --argument-names source cur --no-scope-shadowing
    set -l words (string split ' ' -- $source)
    set -l kind $words[1]
    set -e words[1]
    # several values with commas, or behind a colon
    set -l before
    switch $kind
        case list group variable
            set before (string match -r '^.*,' -- $cur)
        case owner
            set before (string match -r '^.*:' -- $cur)
    end
    set cur (string sub -s (math 1 + (string length -- "$before")) -- $cur)
    switch $kind
        case group
            __fish_complete_groups
        case assign
            string replace -r '$' = -- $words
            set words
        case file
            __fish_complete_path $cur
        case directory
            __fish_complete_directories $cur
        case user
            __fish_complete_users
        case owner
            test -n "$before"; and __fish_complete_groups; or __fish_complete_users
        case variable
            set -nx
        case program
            complete -C "$cur"
            __fish_complete_path $cur
        case package
            dpkg-query -W -f '${Package}\n' "$cur*" 2>/dev/null
        case unit
            systemctl list-unit-files --type=service --no-legend 2>/dev/null | string replace -r '\.service .*' ''
        case adopted
            ls /var/lib/uchroot/services 2>/dev/null
        case 'jail*'
            __uchroot_jail "$given[$(string sub -s 5 -- $kind)]" $cur
    end | string replace -r '^' -- "$before"
    test -n "$words[1]"; and string replace -r '^' -- "$before" $words
end

function __uchroot_complete
    set -l tokens (commandline -opc)
    set -l cur (commandline -ct)
    set -l key (path basename -- $tokens[1])
    set -l options
    set -l commands
    set -l operands
    set -l ends
    set -l given
    set -l pending
    set -l over
    __uchroot_rows $key
    for word in $tokens[2..]
        set -l source (string match -- "$word|*" $options | string split '|' -f 2)
        if test -n "$pending"
            set pending
        else if test -z "$over" -a "$word" = --
            set over 1
        else if test -z "$over"; and string match -q -- '--*=*' $word
            continue
        else if test -z "$over" -a "$word" != -; and string match -q -- '-*' $word
            set pending $source[1]
        else if test (count $given) -eq 0; and not string match -q '* *' -- $key; and string match -q -- $word\t'*' $commands
            set key "$key $word"
            set options
            set commands
            set operands
            set ends
            __uchroot_rows $key
        else
            set -a given $word
            test -z "$over"; and set over $ends
        end
    end

    if test -n "$pending"
        __uchroot_offer $pending "$cur"
    else if test -z "$over"; and string match -q -- '--*=*' $cur
        set -l parts (string split -m 1 = -- $cur)
        set -l source (string match -- "$parts[1]|*" $options | string split '|' -f 2)
        test -n "$source"; and __uchroot_offer $source[1] "$parts[2]" | string replace -r '^' -- "$parts[1]="
    else if test -z "$over"; and string match -q -- '-*' $cur
        string replace -r '^([^|]*)\|[^|]*\|' '$1\t' -- $options
    else
        test (count $given) -eq 0; and test -n "$commands"; and printf '%s\n' $commands
        set -l source $operands[(math 1 + (count $given))]
        test -z "$source"; and string match -q '*...' -- "$operands[-1]"; and set source $operands[-1]
        test -n "$source"; and __uchroot_offer (string replace ... '' -- $source) "$cur"
    end
end

for program in uchroot uchroot-inetd uchroot-jail uchroot-service uchroot-tcpd
    complete -c $program -f -a '(__uchroot_complete)'
end
