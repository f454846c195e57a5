# bash completion for butterfly-tls
# Made by docs/generate.py from appliance/cli: change it there and run 'make docs'.

_butterfly_tls() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local words="" files=""
    if ((COMP_CWORD == 1)); then
        words="check cert echo send pacs demo journal status top reload upgrade drain close ask probe hostkey stunnel migrate --help --version"
    else
        # Values of options first, then options, then what goes by its place.
        case ${COMP_WORDS[1]}:$previous:$current in
            check:--overlay:*) files=file ;;
            check:--timeout:*) words="" ;;
            check:*:-*) words="--overlay --offline --has-sections --timeout --help" ;;
            check:*) files=file ;;
            cert:--out:*) files=directory ;;
            cert:--type:*) words="rsa ecdsa both" ;;
            cert:--bits:*) words="2048 3072 4096" ;;
            cert:--name:*) words="" ;;
            cert:--cn:*) words="" ;;
            cert:--days:*) words="" ;;
            cert:*:-*) words="--out --type --bits --name --cn --days --help" ;;
            echo:--calling:*) words="" ;;
            echo:--called:*) words="" ;;
            echo:--timeout:*) words="" ;;
            echo:--ca:*) files=file ;;
            echo:--cert:*) files=file ;;
            echo:--key:*) files=file ;;
            echo:--name:*) words="" ;;
            echo:*:-*) words="--tls --plain --calling --called --timeout --ca --cert --key --name --insecure --help" ;;
            echo:*) words="" ;;
            send:--calling:*) words="" ;;
            send:--called:*) words="" ;;
            send:--ca:*) files=file ;;
            send:--cert:*) files=file ;;
            send:--key:*) files=file ;;
            send:--name:*) words="" ;;
            send:--timeout:*) words="" ;;
            send:*:-*) words="--tls --plain --calling --called --ca --cert --key --name --timeout -v --verbose --help" ;;
            send:*) files=file ;;
            pacs:--port:*) words="" ;;
            pacs:--host:*) words="" ;;
            pacs:--aet:*) words="" ;;
            pacs:--out:*) files=directory ;;
            pacs:--worklist:*) words="" ;;
            pacs:*:-*) words="--port --host --aet --out --worklist --require-called-aet --help" ;;
            demo:--dir:*) files=directory ;;
            demo:*:-*) words="--dir --keep --help" ;;
            journal:--section:*) words="" ;;
            journal:--calling:*) words="" ;;
            journal:--called:*) words="" ;;
            journal:--outcome:*) words="" ;;
            journal:--since:*) words="" ;;
            journal:--until:*) words="" ;;
            journal:*:-*) words="--section --calling --called --outcome --since --until --summary --json --follow --help" ;;
            journal:*) files=file ;;
            status:--socket:*) files=file ;;
            status:*:-*) words="--socket --json --watch --help" ;;
            top:--socket:*) files=file ;;
            top:*:-*) words="--socket --json --help" ;;
            reload:--socket:*) files=file ;;
            reload:*:-*) words="--socket --json --help" ;;
            upgrade:--socket:*) files=file ;;
            upgrade:*:-*) words="--socket --json --help" ;;
            drain:--socket:*) files=file ;;
            drain:*:-*) words="--undo --socket --json --help" ;;
            drain:*) words="" ;;
            close:--socket:*) files=file ;;
            close:*:-*) words="--socket --json --help" ;;
            close:*) words="" ;;
            ask:--socket:*) files=file ;;
            ask:*:-*) words="--socket --json --help" ;;
            ask:*) words="status sections backends associations show close drain undrain bans unban reload upgrade check certs echo log-level top journal version help" ;;
            probe:--section:*) words="" ;;
            probe:--warning-days:*) words="" ;;
            probe:--patience:*) words="" ;;
            probe:--ready:*) words="process backends" ;;
            probe:--socket:*) files=file ;;
            probe:*:-*) words="--section --warning-days --patience --no-backends --ready --until-idle --socket --help" ;;
            hostkey:*:-*) words="--help" ;;
            hostkey:*) files=file ;;
            stunnel:-fd:*) words="" ;;
            stunnel:*:-*) words="-fd -help -version -sockets -options --help" ;;
            stunnel:*) files=file ;;
            migrate:--write:*) files=directory ;;
            migrate:*:-*) words="--write --json --help" ;;
            migrate:*) files=file ;;
        esac
    fi
    if [ -n "$files" ]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -A "$files" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    fi
}
complete -F _butterfly_tls butterfly-tls
