# bash completion for tlshim

_tlshim()
{
    local current previous subcommand i
    COMPREPLY=()
    current=${COMP_WORDS[COMP_CWORD]}
    previous=${COMP_WORDS[COMP_CWORD-1]}
    subcommand=${COMP_WORDS[1]}

    case $previous in
    -p | --certificate | --key | --program)
        COMPREPLY=($(compgen -f -- "$current"))
        compopt -o filenames
        return
        ;;
    --trust)
        COMPREPLY=($(compgen -W system -- "$current") $(compgen -f -- "$current"))
        compopt -o filenames
        return
        ;;
    --format)
        COMPREPLY=($(compgen -W 'text json' -- "$current"))
        return
        ;;
    --connect | --listen | --except | --address)
        return
        ;;
    esac

    if ((COMP_CWORD > 1)); then
        case $subcommand in
        check)
            if [[ $current == -* ]]; then
                COMPREPLY=($(compgen -W '-p --format' -- "$current"))
            else
                COMPREPLY=($(compgen -f -- "$current"))
                compopt -o filenames
            fi
            return
            ;;
        explain)
            COMPREPLY=($(compgen -W 'connect listen -p --program --address --all' -- "$current"))
            return
            ;;
        preflight)
            COMPREPLY=($(compgen -c -- "$current"))
            return
            ;;
        esac
    fi

    # The program's own arguments are its own completion's business.
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --) break ;;
        -p | --trust | --certificate | --key | --connect | --listen | --except) ((i++)) ;;
        -*) ;;
        *) break ;;
        esac
    done
    if ((i < COMP_CWORD)); then
        [[ ${COMP_WORDS[i]} == -- ]] && ((i++))
        declare -F _command_offset >/dev/null && _command_offset "$i"
    elif [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W '-p --strict --trust --certificate --key --connect --listen --except
            --help --version --' -- "$current"))
    else
        COMPREPLY=($(compgen -c -- "$current"))
        ((COMP_CWORD == 1)) &&
            COMPREPLY+=($(compgen -W 'check explain preflight' -- "$current"))
    fi
}

complete -F _tlshim tlshim
