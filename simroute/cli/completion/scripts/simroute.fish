# Completion of simroute for fish:  simroute completion fish > ~/.config/fish/completions/simroute.fish
function __simroute_complete
    set -l program (string replace -r '^~' $HOME -- (commandline -opc)[1])
    env _SIMROUTE_COMPLETE=fish_complete _SIMROUTE_LINE=(commandline -cp | string collect) $program 2>/dev/null
end
complete -c simroute -f -a '(__simroute_complete)'
