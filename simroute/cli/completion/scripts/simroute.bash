# Completion of simroute for bash; nothing else is needed. In ~/.bashrc:  eval "$(simroute completion bash)"
# bash splits words at = and :, so the whole line is sent, and what bash already has of the word is left out of the answer.
_simroute_complete() {
    local candidate IFS=$'\n'
    COMPREPLY=()
    while read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(_SIMROUTE_COMPLETE=bash_complete _SIMROUTE_LINE="${COMP_LINE:0:COMP_POINT}" _SIMROUTE_BREAKS="$COMP_WORDBREAKS" \
        "${1/#\~/$HOME}" 2>/dev/null)
}
complete -o nospace -F _simroute_complete simroute
