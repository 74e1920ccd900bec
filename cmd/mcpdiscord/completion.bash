# Completion of mcpdiscord for bash 3.2 and later. It needs no other package, and
# never evaluates what is typed.

_mcpdiscord() {
    local line=$COMP_LINE word gap all=() i

    # COMP_WORDS is split at = and : as well. What no space parts is one word.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        gap=${line%%[![:space:]]*}
        line=${line#"$gap"}
        line=${line#"$word"}
        if [[ $i -eq 0 || -n $gap ]]; then
            all+=("$word")
        else
            all[${#all[@]} - 1]+=$word
        fi
    done
    local current=${all[${#all[@]} - 1]}
    all=("${all[@]//[\"\'\\]/}")
    all[0]=${all[0]/#\~\//$HOME/}

    local out directive
    out=$("${all[@]:0:1}" __completeNoDesc "${all[@]:1}" 2>/dev/null) || return 0
    directive=${out##*:}
    out=${out%:*}
    (((directive & 1) == 0)) || return 0

    # Readline replaces what comes after the last = or :, or all of the word.
    local value=$current before=''
    [[ $current == -*=* ]] && value=${current#*=}
    [[ $COMP_WORDBREAKS == *=* && $value == *=* ]] && before=${value%"${value##*=}"}
    [[ $COMP_WORDBREAKS == *:* && ${value#"$before"} == *:* ]] && before=${value%"${value##*:}"}
    COMPREPLY=()
    while IFS= read -r line; do
        [[ -n $line && $line == "$value"* ]] && COMPREPLY+=("${line#"$before"}")
    done <<<"$out"

    type compopt >/dev/null 2>&1 || return 0
    (((directive & 2) == 0)) || compopt -o nospace
    (((directive & 4) == 0)) || compopt +o default
    (((directive & 16) == 0)) || compopt -o dirnames
    (((directive & 32) == 0)) || compopt -o nosort 2>/dev/null
    return 0
}

complete -o default -F _mcpdiscord mcpdiscord
