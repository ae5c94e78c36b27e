# SPDX-License-Identifier: MPL-2.0
# Completion in bash for dpool, dpool-broker and dpool-worker. What there is to complete they say themselves, in
# their --help, so that it is never out of date.

# What a text of --help offers that begins with a pattern: _dpool_words <pattern of the whole word> <command>...
_dpool_words () {
    local pattern=$1
    shift
    "$@" --help 2> /dev/null | cut -c 1-29 | grep -oE -- "(^|[ ,])$pattern" | tr -d ' ,'
}

_dpool () {
    local program=$1 word=$2 before=$3 command=()
    COMPREPLY=()
    # The value of an option, which --help shows behind a =, is a file or something that nobody knows here. After
    # --option=, whose = bash takes for a word, the option is one further back.
    if [ "$before" = = ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
    case ${program##*/}:$before in
    *:--config | *:--module | *:--key-file | *:--server-key | *:--allowlist | *:-c | *worker:-m | *broker:-[ak])
        mapfile -t COMPREPLY < <(compgen -f -- "${word#=}")
        compopt -o filenames 2> /dev/null
        return
        ;;
    esac
    if [ "${program##*/}" = dpool ]; then
        if [ "$COMP_CWORD" -gt 1 ]; then
            command=("${COMP_WORDS[1]}")
        elif [ "${word:0:1}" != - ]; then
            mapfile -t COMPREPLY < <(compgen -W "$(_dpool_words ' [a-z]+ ' "$program")" -- "$word")
            return
        fi
    fi
    if [ "${word:0:1}" = - ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_dpool_words '--?[a-zA-Z?][a-z-]*' "$program" "${command[@]}")" \
            -- "$word")
    fi
}

complete -F _dpool dpool dpool-broker dpool-worker
