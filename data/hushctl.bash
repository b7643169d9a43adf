# Completion of hushctl for bash: commands, options, and the contacts, accounts and channels of the hush that runs.
# Bash Reference Manual, section Programmable Completion.

_hushctl() {
  local program=$1 line=${COMP_LINE:0:COMP_POINT} current='' i
  local -a typed given=() words=()
  # The words as they were typed: bash itself also breaks them at @, which stands in every JID.
  read -ra typed <<< "$line"
  if [[ $line != *[[:space:]] ]]; then
    current=${typed[-1]}
    unset 'typed[-1]'
  fi
  for ((i = 1; i < ${#typed[@]}; i++)); do
    case ${typed[i]} in
      --account | --channel | --confirm | --question | --server) ((i += 1)) ;;
      -*) ;;
      *) given+=("${typed[i]}") ;;
    esac
  done

  COMPREPLY=()
  case ${typed[-1]} in
    --account) mapfile -t words < <("$program" words accounts 2> /dev/null) ;;
    --channel) mapfile -t words < <("$program" words channels 2> /dev/null) ;;
    --confirm | --question | --server) return ;;
    *)
      if [[ $current == -* ]]; then
        words=(--account --json --help)
        case ${given[*]} in
          '') words+=(--version) ;;
          add*) words+=(--server --ask) ;;
          status) words+=(--watch) ;;
          secure* | require* | end*) words+=(--channel) ;;
          verify*) words+=(--confirm --distrust --secret --question --abort --channel) ;;
          forget*) words+=(--damaged-memory) ;;
          'identity replace') words+=(--yes) ;;
        esac
      elif [[ ${given[*]} == 'identity import' ]]; then
        compopt -o filenames 2> /dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
      else
        _hushctl_words "$program"
      fi
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$current")
  if [[ $current == *@* && $COMP_WORDBREAKS == *@* ]]; then
    # What stands before the last @ is, for bash, another word, and stays as it is; the @ itself belongs to this one.
    COMPREPLY=("${COMPREPLY[@]#"${current%@*}"}")
  fi
}

# Sets words, for the place behind what was given.
_hushctl_words() {
  local commands='add status secure require end verify peers trust forget policy identity help'
  case ${#given[@]} in
    0) read -ra words <<< "$commands" ;;
    1)
      case ${given[0]} in
        help) read -ra words <<< "$commands" ;;
        identity) words=(show import renew replace) ;;
        secure | require | end | verify | peers | trust | forget | policy) mapfile -t words < <("$1" words contacts 2> /dev/null) ;;
      esac
      [[ ${given[0]} == policy ]] && words+=(off opportunistic required)
      ;;
    *)
      case ${given[0]} in
        require) words=(Encrypted IntegrityProtected Complete Verified WeaklyAuthenticated KeyContinuity WeaklyAnonymous StronglyAnonymous ReplayProtected ForwardSecret Deniable NonRepudiable DowngradeResistant) ;;
        policy) [[ ${#given[@]} == 2 ]] && words=(off opportunistic required default) ;;
      esac
      ;;
  esac
}

complete -F _hushctl hushctl
