# bash completion for tlshim

# Words that begin as what is being typed does; arguments as of compgen.
_tlshim_offer()
{
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen "$@" -- "${COMP_WORDS[COMP_CWORD]}")
}

_tlshim_offer_files()
{
    _tlshim_offer -f
    compopt -o filenames
}

_tlshim()
{
    local current previous subcommand i
    COMPREPLY=()
    current=${COMP_WORDS[COMP_CWORD]}
    previous=${COMP_WORDS[COMP_CWORD-1]}
    subcommand=${COMP_WORDS[1]}

    case $previous in
    -p | -o | --certificate | --key | --program)
        _tlshim_offer_files
        return
        ;;
    --trust)
        _tlshim_offer -W system
        _tlshim_offer_files
        return
        ;;
    --format)
        _tlshim_offer -W 'text json'
        return
        ;;
    --connect | --listen | --except | --address | --timeout)
        return
        ;;
    esac

    if ((COMP_CWORD > 1)); then
        case $subcommand in
        check)
            if [[ $current == -* ]]; then
                _tlshim_offer -W '-p --format'
            else
                _tlshim_offer_files
            fi
            return
            ;;
        explain)
            _tlshim_offer -W 'connect listen -p --program --address --all --format'
            return
            ;;
        probe)
            _tlshim_offer -W '-p --rule --trust --timeout --format'
            _tlshim_offer -A hostname
            return
            ;;
        trace | learn)
            if ((COMP_CWORD == 2)); then
                _tlshim_offer -W '-o'
            fi
            ;;
        preflight)
            _tlshim_offer -c
            return
            ;;
        esac
    fi

    # The program's own arguments are its own completion's business.
    i=1
    [[ $subcommand == trace || $subcommand == learn ]] && ((COMP_CWORD > 1)) && i=2
    for (( ; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --) break ;;
        -p | -o | --trust | --certificate | --key | --connect | --listen | --except) ((i++)) ;;
        -*) ;;
        *) break ;;
        esac
    done
    if ((i < COMP_CWORD)); then
        [[ ${COMP_WORDS[i]} == -- ]] && ((i++))
        declare -F _command_offset >/dev/null && _command_offset "$i"
    elif [[ $current == -* ]]; then
        _tlshim_offer -W '-p --strict --trust --certificate --key --connect --listen --except
            --help --version --'
    else
        _tlshim_offer -c
        ((COMP_CWORD == 1)) && _tlshim_offer -W 'check explain probe trace learn ps preflight'
    fi
}

complete -F _tlshim tlshim
