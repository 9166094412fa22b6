/**
 * Variables that dash, bash or busybox sh keep for themselves. `export NAME='value'` is undone, ignored, or
 * an error that ends the shell (bash's manual, "Shell Variables"; POSIX 2.5.3).
 * test/fetcher/shell-names.test.ts checks it with the shells.
 */
export const KEPT_BY_SHELLS: ReadonlySet<string> = new Set([
	...['_', 'OPTIND', 'PPID', 'SHLVL', 'UID', 'EUID', 'GROUPS', 'DIRSTACK', 'FUNCNAME', 'HISTCMD', 'LINENO'],
	...['PIPESTATUS', 'SHELLOPTS', 'RANDOM', 'SRANDOM', 'SECONDS', 'EPOCHSECONDS', 'EPOCHREALTIME'],
	...['BASHOPTS', 'BASHPID', 'BASH_ALIASES', 'BASH_ARGC', 'BASH_ARGV', 'BASH_CMDS', 'BASH_COMMAND'],
	...['BASH_LINENO', 'BASH_SOURCE', 'BASH_SUBSHELL', 'BASH_VERSINFO'],
]);

/**
 * Variables that only zsh or ksh keep for themselves (zshparam(1), ksh(1)). They cause a warning: a refusal
 * would stop pods whose images have neither.
 */
export const KEPT_BY_ZSH_OR_KSH: ReadonlySet<string> = new Set([
	...[
		'ARGC',
		'COLUMNS',
		'EGID',
		'ERRNO',
		'FUNCNEST',
		'GID',
		'HISTCHARS',
		'HISTSIZE',
		'JOBMAX',
		'KEYBOARD_HACK',
	],
	...['KEYTIMEOUT', 'KSHEGID', 'KSHGID', 'KSHUID', 'KSH_VERSION', 'LINES', 'LISTMAX', 'MAILCHECK', 'PGRP'],
	...[
		'SAVEHIST',
		'TMOUT',
		'TRY_BLOCK_ERROR',
		'TRY_BLOCK_INTERRUPT',
		'TTYIDLE',
		'USERNAME',
		'USER_ID',
		'WATCH',
	],
	...['ZSH_SUBSHELL', 'aliases', 'argv', 'builtins', 'cdpath', 'commands', 'dirstack', 'dis_aliases'],
	...['dis_functions', 'fignore', 'fpath', 'funcfiletrace', 'funcsourcetrace', 'funcstack', 'functions'],
	...['functrace', 'galiases', 'histchars', 'history', 'historywords', 'jobdirs', 'jobstates', 'jobtexts'],
	...['keymaps', 'mailpath', 'manpath', 'module_path', 'modules', 'nameddirs', 'options', 'parameters'],
	...['patchars', 'path', 'pipestatus', 'psvar', 'reswords', 'saliases', 'signals', 'status', 'termcap'],
	...['terminfo', 'userdirs', 'usergroups', 'watch', 'widgets', 'zsh_scheduled_events'],
]);
