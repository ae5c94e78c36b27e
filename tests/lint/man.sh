#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# man.sh <source folder> <program>...: each program has a page in section 1 that names all options of its
# --help and no other, the pages of settings and the samples name all keys, and groff has
# nothing to say against any page.
set -euo pipefail
export LC_ALL=C.UTF-8

source=$1
shift
pages=$source/docs/man
fault=0

complain () {
    echo "$*"
    fault=1
}

# The options of a text, one a line, -x and --long.
options () {
    grep -oE '(^|[ ,])--?[a-zA-Z?][a-z-]*' | tr -d ' ,' | sort -u
}

# The page as text, in wide lines so that no option is cut in two. mdoc's source where groff is missing.
render () {
    if command -v groff > /dev/null; then
        groff -mandoc -Tascii -P-bcou -rLL=500n "$1"
    else
        sed -nE 's/^\.It //p' "$1" | sed -E 's/Fl Fl /--/g; s/Fl \\\&/-/g; s/Fl /-/g'
    fi
}

# What a program says of its options, and what its commands say of theirs if it has some: the words below
# its usage.
help_of () {
    local command
    "$1" --help
    for command in $("$1" --help | sed -nE 's/^  ([a-z]+) .*/\1/p'); do
        "$1" "$command" --help
    done
}

# check_options <program> <page>
check_options () {
    local help documented option
    help=$(help_of "$1" | grep -E '^ +-' | cut -c 1-29 | options)
    # Those that stand at the beginning of an entry, not where one is mentioned.
    documented=$(render "$2" | grep -E '^ *--?[a-zA-Z?]' | grep -vE '^ {9}' | options)
    [ -n "$help" ] || complain "$1 --help shows no option"
    for option in $help; do
        grep -qxe "$option" <<< "$documented" || complain "$2: $option of --help is missing"
    done
    for option in $documented; do
        grep -qxe "$option" <<< "$help" || complain "$2: there is no option $option"
    done
}

for program in "$@"; do
    page=$pages/$(basename "$program").1
    if [ -f "$page" ]; then
        check_options "$program" "$page"
    else
        complain "$program has no page: $page is missing"
    fi
done

# check_keys <source with the table> <name of page and sample>
check_keys () {
    local key keys
    keys=$(sed -nE 's/^ +\{ \.key = "([a-z_]+)",$/\1/p' "$source/$1")
    [ -n "$keys" ] || complain "$1: found no keys"
    for key in $keys; do
        grep -qE "^\.It Ic $key\$" "$pages/$2.5" || complain "docs/man/$2.5: $key is missing"
        grep -qE "^#$key = \"" "$source/docs/$2" || complain "docs/$2: $key is missing"
    done
}
check_keys broker/config.c dpool-broker.conf
check_keys worker/worker_options.c dpool-worker.conf

if command -v groff > /dev/null; then
    for page in "$pages"/*.[1-9]; do
        warnings=$(groff -ww -mandoc -Tutf8 -z "$page" 2>&1)
        [ -z "$warnings" ] || complain "$warnings"
    done
else
    echo "skipped: there is no groff to look for warnings"
fi
[ $fault -ne 0 ] || echo "the pages of $# programs are complete"
exit $fault
