#compdef simroute
# Completion of simroute for zsh. In ~/.zshrc:  eval "$(simroute completion zsh)"   or save it as _simroute in a folder of $fpath.

_simroute() {
    local line ending value help
    local -a closed closed_shown going going_shown
    line="${(j: :)words[1,CURRENT-1]} $QIPREFIX$IPREFIX$PREFIX"
    for line in "${(@f)$(_SIMROUTE_COMPLETE=zsh_complete _SIMROUTE_LINE=$line ${~words[1]} 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        ending=${line%%$'\t'*} value=${line#*$'\t'} help=${line##*$'\t'}
        value=${value%$'\t'*}
        if [[ $ending == open ]]; then
            going+=("$value") going_shown+=("$value${help:+  -- $help}")
        else
            closed+=("$value") closed_shown+=("$value${help:+  -- $help}")
        fi
    done
    # Whole words: what has been typed of one is replaced.
    PREFIX="$IPREFIX$PREFIX" IPREFIX=
    (( $#going )) && compadd -U -Q -S '' -d going_shown -a going
    (( $#closed )) && compadd -U -Q -d closed_shown -a closed
    return 0
}

# zsh itself completes what begins with ~ as the name of a folder: ~policy.LAYER is not one.
_simroute_tilde() {
    if [[ ${words[1]:t} == simroute ]]; then _simroute; else _tilde "$@"; fi
}

(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _simroute_tilde -tilde-
if [[ $funcstack[1] == _simroute ]]; then _simroute "$@"; else compdef _simroute simroute; fi
