import { describe, expect, test } from 'vitest';
import { CODE_VARIABLES, codeEffectOf, parseCodeVariables } from '../../contract/code-variables.ts';
import { isKey } from '../../contract/keys.ts';
import { VARIABLES } from '../../contract/variables.ts';

const NAMES = CODE_VARIABLES.flatMap(({ names }) => names);

describe('the table of variables by which programs run code', () => {
	test('holds each name once, and only names that a secret can have', () => {
		expect(new Set(NAMES).size).toBe(NAMES.length);
		expect(NAMES.filter((name) => !isKey(name))).toEqual([]);
		for (const { effect, source } of CODE_VARIABLES) {
			expect(effect).toMatch(/^[a-z].*[^.]$/);
			expect(source).not.toBe('');
		}
	});

	test.each([
		...['LD_PRELOAD', 'LD_LIBRARY_PATH', 'NODE_OPTIONS', 'BASH_ENV', 'PATH', 'IFS', 'PS4', 'PROMPT_COMMAND'],
		...['PYTHONPATH', 'PYTHONSTARTUP', 'JAVA_TOOL_OPTIONS', 'PERL5OPT', 'RUBYOPT', 'GIT_SSH_COMMAND'],
	])('has %s', (name) => expect(codeEffectOf(name)).toBeTypeOf('string'));

	test.each([
		...['ENV', 'HOME', 'USER', 'HOSTNAME', 'EDITOR', 'BROWSER', 'PORT', 'DEBUG', 'TZ', 'LANG', 'TMPDIR'],
		...['NODE_ENV', 'NODE_EXTRA_CA_CERTS', 'LD_SDK_KEY', 'LD_ENV_PRODUCTION', 'JAVA_OPTS', 'CATALINA_OPTS'],
		...[
			'DATABASE_URL',
			'HTTP_PROXY',
			'AWS_SECRET_ACCESS_KEY',
			'NPM_CONFIG_REGISTRY',
			'NPM_TOKEN',
			'KUBECONFIG',
		],
		...[
			'DJANGO_SETTINGS_MODULE',
			'FLASK_APP',
			'RAILS_ENV',
			'PHP_VERSION',
			'GIT_TOKEN',
			'node_options',
			'path',
		],
		...Object.keys(VARIABLES),
		...['constructor', '__proto__', 'toString'],
	])('does not have %s, which applications use or no program reads', (name) =>
		expect(codeEffectOf(name)).toBeUndefined(),
	);

	test('takes npm’s variables in any case, as npm does', () => {
		for (const name of ['npm_config_script_shell', 'NPM_CONFIG_SCRIPT_SHELL', 'Npm_Config_Script_Shell'])
			expect(codeEffectOf(name)).toBe(codeEffectOf('npm_config_script_shell'));
	});
});

test('a list of them is taken, and nothing else', () => {
	expect(parseCodeVariables(' PATH , NODE_OPTIONS')).toEqual({ ok: true, value: ['PATH', 'NODE_OPTIONS'] });
	for (const text of ['', 'PATH,', 'PATH,PATH', 'DATABASE_URL', '*', 'PATH NODE_OPTIONS', 'NODE_OPTION'])
		expect(parseCodeVariables(text).ok).toBe(false);
});
