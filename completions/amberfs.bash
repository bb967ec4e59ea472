# SPDX-License-Identifier: Apache-2.0
# bash completion for amberfs(1). Each command's options stand on the line `<command>)`.

_amberfs_options()
{
	case $1 in
	init) echo "--passphrase-file --passphrase-command --ca-file --insecure-http --json --mirror --help" ;;
	mount) echo "--options --foreground --passphrase-file --passphrase-command --recovery --recovery-code-file --state-dir --takeover --ca-file --insecure-http --help" ;;
	umount) echo "--no-wait --json --help" ;;
	status) echo "--json --watch --help" ;;
	sync) echo "--timeout --json --help" ;;
	snapshot) echo "--volume --json --help" ;;
	log) echo "--since --until --limit --json --help" ;;
	diff) echo "--volume --json --help" ;;
	ls) echo "--at --json --help" ;;
	cat) echo "--at --help" ;;
	restore) echo "--at --to --dry-run --yes --volume --json --help" ;;
	fsck) echo "--rebuild --accept-rollback --yes --passphrase-file --passphrase-command --recovery --recovery-code-file --state-dir --takeover --ca-file --insecure-http --json --help" ;;
	help) echo "--help" ;;
	esac
}

_amberfs()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
	local commands="init mount umount status sync snapshot log diff ls cat restore fsck help"

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$cur")
		return
	fi
	case $prev in
	--at | --since | --until)
		mapfile -t COMPREPLY < <(compgen -W "yesterday 1h 2h 1d 1w" -- "$cur")
		return
		;;
	--passphrase-file | --recovery-code-file | --ca-file)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--state-dir | --to)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_amberfs_options "$command")" -- "$cur")
	elif [[ $command == help ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
	elif [[ $command == snapshot && $COMP_CWORD -eq 2 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "create list delete" -- "$cur")
	elif [[ $command == umount ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(findmnt -n -t fuse.amberfs -o TARGET 2>/dev/null)" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

complete -o filenames -F _amberfs amberfs
