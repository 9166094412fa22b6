import { parseKeys } from './keys.ts';
import { err, type Result } from './result.ts';

/** Variables that one program reads, and the documentation that describes them. */
interface CodeVariables {
	/** What the variable does. Completes the sentence "NAME …". */
	readonly effect: string;
	/** The documentation. */
	readonly source: string;
	readonly names: readonly string[];
}

/**
 * Variables that make a running program load or start code. A person who can write one of them can run code
 * in every container that receives it. The list cannot be complete. It holds the variables that the
 * documentation of common programs names.
 *
 * The list holds a name if a loader, an interpreter, a shell, a library or a client reads it without any
 * option. It does not hold names that applications use for themselves (ADR 56): `ENV`, `HOME`, `EDITOR`,
 * `BROWSER`, `JAVA_OPTS`, `DJANGO_SETTINGS_MODULE`. It does not hold all of `LD_*` or `NODE_*`, because
 * LaunchDarkly's programs read `LD_SDK_KEY` and `LD_ENV_…`. bash reads functions from `BASH_FUNC_name%%`,
 * which cannot be a key. Only macOS reads `DYLD_*`, and containers run Linux.
 */
export const CODE_VARIABLES: readonly CodeVariables[] = [
	{
		effect: 'makes the dynamic loader load other libraries',
		source: 'ld.so(8), "ENVIRONMENT"; musl reads the first two',
		names: ['LD_PRELOAD', 'LD_LIBRARY_PATH', 'LD_AUDIT', 'LD_ORIGIN_PATH'],
	},
	{
		effect: 'makes the C library load modules, start programs or give up protections',
		source:
			'glibc, sysdeps/generic/unsecvars.h: what it takes from privileged programs; glibc manual, "Tunables"',
		names: ['GCONV_PATH', 'GETCONF_DIR', 'GLIBC_TUNABLES'],
	},
	{
		effect: 'says where programs are searched for',
		source: 'POSIX.1-2024, XBD 8.3; CDPATH: XCU, "cd"; SHELL: XBD 8.3',
		names: ['PATH', 'CDPATH', 'SHELL'],
	},
	{
		effect: 'makes shells run commands or split them differently',
		source:
			'POSIX.1-2024, XCU 2.5.3; bash(1), "Shell Variables": the prompts are expanded, commands in them too',
		names: [
			'IFS',
			'PS0',
			'PS1',
			'PS2',
			'PS4',
			'PROMPT_COMMAND',
			'BASH_ENV',
			'SHELLOPTS',
			'BASHOPTS',
			'BASH_LOADABLES_PATH',
		],
	},
	{
		effect: 'names files that zsh or ksh run or take functions from',
		source: 'zshall(1), "STARTUP/SHUTDOWN FILES" and "PARAMETERS USED BY THE SHELL"; ksh(1)',
		names: ['ZDOTDIR', 'FPATH'],
	},
	{
		effect: 'makes Node.js load modules or take options',
		source: 'Node.js, "Command-line API", "Environment variables"; for NODE_PATH "Modules"',
		names: ['NODE_OPTIONS', 'NODE_PATH', 'NODE_REPL_EXTERNAL_MODULE'],
	},
	{
		effect: 'makes a JavaScript package manager or runtime start other programs or take options',
		source: 'npm, "config"; Yarn, "Settings", yarnPath; Bun, "Environment variables"',
		names: [
			'npm_config_node_options',
			'npm_config_script_shell',
			'npm_config_shell',
			'npm_config_git',
			'npm_config_userconfig',
			'npm_config_globalconfig',
			'YARN_YARN_PATH',
			'BUN_OPTIONS',
		],
	},
	{
		effect: 'makes Python import other modules',
		source:
			'Python, "Command line and environment", 1.2; for PYTHONWARNINGS "warnings": a category is imported',
		names: [
			'PYTHONPATH',
			'PYTHONHOME',
			'PYTHONSTARTUP',
			'PYTHONUSERBASE',
			'PYTHONBREAKPOINT',
			'PYTHONINSPECT',
			'PYTHONPLATLIBDIR',
			'PYTHONPYCACHEPREFIX',
			'PYTHONWARNINGS',
			'PYTHONEXECUTABLE',
		],
	},
	{
		effect: 'makes Perl load modules or take options',
		source: 'perlrun(1), "ENVIRONMENT"',
		names: ['PERL5OPT', 'PERL5LIB', 'PERLLIB', 'PERL5DB', 'PERL5SHELL'],
	},
	{
		effect: 'makes Ruby load libraries or take options',
		source: 'ruby(1), "ENVIRONMENT"; RubyGems, "gem environment"; bundle-config(1)',
		names: [
			'RUBYOPT',
			'RUBYLIB',
			'RUBYPATH',
			'RUBYSHELL',
			'GEM_HOME',
			'GEM_PATH',
			'RUBYGEMS_GEMDEPS',
			'BUNDLE_GEMFILE',
		],
	},
	{
		effect: 'makes Java load agents or classes or take options',
		source:
			'JVM TI, "Tool options"; java(1), "JDK_JAVA_OPTIONS" and "-classpath"; OpenJ9, "Environment variables"',
		names: [
			'JAVA_TOOL_OPTIONS',
			'JDK_JAVA_OPTIONS',
			'_JAVA_OPTIONS',
			'IBM_JAVA_OPTIONS',
			'OPENJ9_JAVA_OPTIONS',
			'CLASSPATH',
			'JAVA_HOME',
		],
	},
	{
		effect: 'makes .NET load assemblies or a profiler',
		source:
			'.NET, host-startup-hook.md, "Set up a profiling environment"; ASP.NET Core, "Hosting startup assemblies"',
		names: [
			'DOTNET_STARTUP_HOOKS',
			'DOTNET_ADDITIONAL_DEPS',
			'DOTNET_SHARED_STORE',
			'DOTNET_ROOT',
			'ASPNETCORE_HOSTINGSTARTUPASSEMBLIES',
			'DOTNET_HOSTINGSTARTUPASSEMBLIES',
			// The runtime also reads the newer prefix.
			...['CORECLR_PROFILER', 'DOTNET_PROFILER'].flatMap((name) => [
				name,
				...['PATH', 'PATH_32', 'PATH_64', 'PATH_ARM32', 'PATH_ARM64'].map((end) => `${name}_${end}`),
			]),
		],
	},
	{
		effect: 'names configuration by which PHP loads extensions and runs files',
		source: 'PHP manual, "The configuration file"',
		names: ['PHPRC', 'PHP_INI_SCAN_DIR'],
	},
	{
		effect: 'makes Lua run a chunk or load modules',
		source: 'lua(1), "ENVIRONMENT"; Lua reference manual, "package.path"',
		names: ['LUA_INIT', 'LUA_PATH', 'LUA_CPATH'].flatMap((name) => [
			name,
			...['5_2', '5_3', '5_4', '5_5'].map((version) => `${name}_${version}`),
		]),
	},
	{
		effect: 'makes Erlang or Elixir load code or take options',
		source: 'erl(1), "Environment variables"; elixir(1)',
		names: ['ERL_FLAGS', 'ERL_AFLAGS', 'ERL_ZFLAGS', 'ERL_LIBS', 'ELIXIR_ERL_OPTIONS'],
	},
	{
		effect: 'makes R run a profile',
		source: 'R, help("Startup")',
		names: ['R_PROFILE', 'R_PROFILE_USER', 'R_ENVIRON', 'R_ENVIRON_USER'],
	},
	{
		effect: 'makes OpenSSL load providers or engines',
		source: 'openssl-env(7)',
		names: ['OPENSSL_CONF', 'OPENSSL_MODULES', 'OPENSSL_ENGINES'],
	},
	{
		effect: 'makes git or ssh start other programs',
		source: 'git(1), "Environment Variables"; git-config(1); ssh(1), "ENVIRONMENT"; sudo(8)',
		names: [
			'GIT_SSH',
			'GIT_SSH_COMMAND',
			'GIT_ASKPASS',
			'GIT_EDITOR',
			'GIT_SEQUENCE_EDITOR',
			'GIT_PAGER',
			'GIT_EXTERNAL_DIFF',
			'GIT_PROXY_COMMAND',
			'GIT_EXEC_PATH',
			'GIT_TEMPLATE_DIR',
			'GIT_CONFIG_GLOBAL',
			'GIT_CONFIG_SYSTEM',
			'GIT_CONFIG_COUNT',
			'GIT_CONFIG_PARAMETERS',
			'SSH_ASKPASS',
			'SUDO_ASKPASS',
		],
	},
	{
		effect: 'makes less start a program for each file',
		source: 'less(1), "INPUT PREPROCESSOR"',
		names: ['LESSOPEN', 'LESSCLOSE'],
	},
	{
		effect: 'makes ImageMagick load modules or start programs',
		source: 'ImageMagick, "Resources", "Environment variables"',
		names: ['MAGICK_CODER_MODULE_PATH', 'MAGICK_FILTER_MODULE_PATH', 'MAGICK_CONFIGURE_PATH'],
	},
];

const EFFECTS: ReadonlyMap<string, string> = new Map(
	CODE_VARIABLES.flatMap(({ names, effect }) => names.map((name): [string, string] => [name, effect])),
);

/** npm accepts this prefix in any case, and the rest of the name in lower case. */
const NPM = /^npm_config_/i;

/**
 * The effect of a variable that makes programs load or start code. Completes the sentence "NAME …". Undefined
 * for other variables.
 */
export function codeEffectOf(name: string): string | undefined {
	return EFFECTS.get(NPM.test(name) ? name.toLowerCase() : name);
}

/** Parses a comma-separated list of such variables. The same name twice is an error. */
export function parseCodeVariables(text: string): Result<readonly string[]> {
	const names = parseKeys(text);
	if (names.ok && names.value.every((name) => codeEffectOf(name) !== undefined)) return names;
	return err(
		'a comma-separated list of variables that make programs run code, such as NODE_OPTIONS (docs/reference.md lists them), each named once',
	);
}
