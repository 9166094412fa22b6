/** The supported shells. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** The name of a supported shell. */
export type Shell = (typeof SHELLS)[number];

/**
 * The completion script of each shell. All of them call the command itself (`envtier __complete`). It prints
 * one word and its meaning a line, or `:files`.
 */
export const SCRIPTS: Readonly<Record<Shell, string>> = {
	bash: `# bash completion of envtier
_envtier() {
	local word
	COMPREPLY=()
	while IFS=$'\\t' read -r word _; do
		if [ "$word" = :files ]; then
			compopt -o default 2>/dev/null
			return
		fi
		COMPREPLY+=("$word")
	done < <(envtier __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _envtier envtier
`,
	zsh: `#compdef envtier
# zsh completion of envtier
_envtier() {
	local line word
	local -a candidates
	while IFS= read -r line; do
		if [[ $line == :files ]]; then
			_files
			return
		fi
		word=\${line%%$'\\t'*}
		candidates+=("\${word//:/\\\\:}:\${line#*$'\\t'}")
	done < <(envtier __complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
	_describe envtier candidates
}
if [[ $funcstack[1] == _envtier ]]; then
	_envtier "$@"
else
	compdef _envtier envtier
fi
`,
	fish: `# fish completion of envtier
function __envtier_complete
	set -l words (commandline -opc) (commandline -ct)
	for line in (envtier __complete -- $words[2..-1] 2>/dev/null)
		if test "$line" = :files
			__fish_complete_path (commandline -ct)
		else
			echo $line
		end
	end
end
complete -c envtier -f -a '(__envtier_complete)'
`,
};
