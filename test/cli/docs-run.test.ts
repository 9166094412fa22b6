/**
 * Runs the examples of docs/cli.md: the real command in a shell, with a real API behind it. Programs of
 * others in the examples (a password manager, kustomize, helm, kubectl) are replaced by small scripts.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { SCOPES } from '../../api/auth/caller.ts';
import { type ApiUnderTest, startApi } from '../api/support/api.ts';
import { type Issuer, startIssuer } from '../api/support/issuer.ts';
import { startWithReveal } from '../api/support/reveal.ts';
import { ensurePackages } from '../support/debian.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { mountTransit, must } from '../support/openbao-setup.ts';
import { onPath } from '../support/process.ts';
import { codeBlocks, type ExampleShell, exampleBlocks, openShell } from './support/examples.ts';

const ROOT = join(import.meta.dirname, '../..');
const code = await codeBlocks();

/** Examples that need more than this test starts, by their beginning, and the test file that runs them. */
const ELSEWHERE: Readonly<Record<string, string>> = {
	'envtier doctor': 'test/cluster/apiserver/doctor-vault.test.ts',
	'kubectl --namespace vault port-forward': 'test/cluster/apiserver/doctor-vault.test.ts',
	'envtier status': 'test/cluster/apiserver/cli-status.test.ts',
	'envtier refresh': 'test/cluster/apiserver/cli-refresh.test.ts',
	'envtier secrets import': 'test/cluster/apiserver/import-consumers.test.ts',
	'envtier consumers': 'test/cluster/apiserver/import-consumers.test.ts',
	'envtier secrets destroy': 'test/cluster/apiserver/import-consumers.test.ts',
	'envtier login': 'test/cli/login.test.ts',
	'envtier logout': 'test/cli/login.test.ts',
};
const elsewhere = (block: string): string | undefined =>
	Object.entries(ELSEWHERE).find(([start]) => block.startsWith(start))?.[1];

const blocks = await exampleBlocks();
const run = blocks.filter((block) => elsewhere(block) === undefined);

test.each(Object.entries(ELSEWHERE))('the examples that begin with %s are run by %s', async (start, file) => {
	// It runs every line of every block of the page that begins so, and fails if there is none.
	expect(await readFile(join(ROOT, file), 'utf8')).toContain(`runExamples('${start}', `);
	expect(blocks.filter((block) => block.startsWith(start))).not.toEqual([]);
});

test('every command of the page is in a block of `sh`, which a test runs', () => {
	const others = code.filter(({ lang, text }) => lang !== 'sh' && /^[ $]*envtier /m.test(text));
	expect(others.map(({ text }) => text)).toEqual([]);
	expect(blocks.length).toBeGreaterThan(40);
});

const NEEDED = ['jq', 'openssl'];

/** Scripts in the place of other programs. */
const PROGRAMS = {
	make: `mkdir -p dist && cp "$HOME/bin/envtier" dist/envtier.mjs`,
	// Forty characters, as a secret key of AWS has them.
	pass: 'printf "testonlytestonlytestonlytestonlytestonly\\n"',
	kustomize: 'cat "$HOME/pod.yaml"',
	helm: 'cat "$HOME/pod.yaml"',
	kubectl: `case "$*" in
  *configmap*) cat "$HOME/live-settings.yaml" ;;
  *logs*) cat "$HOME/api.log" ;;
  *) cat > /dev/null ;;
esac`,
};

const POD = {
	apiVersion: 'v1',
	kind: 'Pod',
	metadata: { name: 'web', annotations: { 'envtier.dev/deployment': 'shop' } },
	spec: {
		containers: [{ name: 'app', image: 'app:1', command: ['app'], securityContext: { runAsUser: 1000 } }],
	},
};
const KUBECONFIG = {
	...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'x' },
	contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
	users: [{ name: 'u', user: { token: 'test-only' } }],
};

/** What an example needs besides the usual secrets, by its beginning. The first that fits. */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
	'envtier secrets set ORDERS': [
		'secrets create ORDERS --type tls --generate hosts=a --deployment shop',
		'secrets create DB --type userpass --field username=x --deployment shop',
	],
	'envtier secrets describe': ['secrets create SESSION_KEY --type password --deployment shop'],
	'envtier secrets undelete': ['secrets delete OLD_KEY --deployment shop --yes'],
	'envtier diff': ['deployments create shop-staging --org acme'],
	'envtier templates create': ['templates delete web-shop --yes'],
	'envtier deployments delete': ['deployments create shop-staging --org acme'],
};

describe.skipIf(NEEDED.some((program) => onPath(program) === undefined))(
	`the examples of docs/cli.md (needs ${NEEDED.join(', ')})`,
	() => {
		let place: ExampleShell;
		let issuer: Issuer;
		let bao: OpenBao;
		let tokens: Readonly<Record<'alice' | 'bob', string>>;
		beforeAll(async () => {
			expect(await ensurePackages(['zsh'], () => undefined), 'a shell that an example is for').toEqual([]);
			[place, issuer, bao] = await Promise.all([openShell(PROGRAMS), startIssuer(), startOpenBao()]);
			await mountTransit(bao);
			await must(bao, 'POST', 'sys/auth/kubernetes', { body: { type: 'kubernetes' } });
			const claims = { org: 'acme', scope: SCOPES.join(' '), roles: ['org_admin', 'platform_admin'] };
			tokens = {
				alice: await issuer.session({ sub: 'alice', ...claims }),
				bob: await issuer.session({ sub: 'bob', ...claims, roles: [] }),
			};
			const file = (name: string, text: string) => writeFile(join(place.dir, name), text);
			await mkdir(join(place.dir, '.config/fish/completions'), { recursive: true });
			await file('pod.yaml', stringify(POD));
			await file('app.yaml', stringify(POD));
			await file('tls.key', 'test-only key');
			await file('production.env', 'LOG_LEVEL=info\nPORT="8080"\n');
			const authority = Buffer.from(issuer.caPem).toString('base64');
			const cluster = { server: 'https://10.0.0.1', 'certificate-authority-data': authority };
			await file('cluster.yaml', stringify({ ...KUBECONFIG, clusters: [{ name: 'c', cluster }] }));
			await file('web-shop.yaml', code.find(({ text }) => text.startsWith('name: web-shop'))?.text ?? '');
			const data = { ENVTIER_VAULT_ADDR: 'https://vault:8200', ENVTIER_FETCHER_IMAGE: 'fetcher:1' };
			const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data };
			await file('live-settings.yaml', stringify(settings));
			await file('vault-audit.log', '');
		}, 600_000);
		afterAll(async () => {
			await bao?.stop();
			await issuer?.[Symbol.asyncDispose]();
			await place?.[Symbol.asyncDispose]();
		});

		const shell = (script: string, env: Readonly<Record<string, string>>) => place.run(script, env);
		const access = (api: ApiUnderTest, token: string) => ({
			...{ ENVTIER_API_URL: api.url, ENVTIER_API_TOKEN: token, ENVTIER_API_ORG: 'acme' },
			...{ VAULT_ADDR: bao.addr, VAULT_TOKEN: bao.rootToken, VAULT_CACERT: bao.caFile },
		});

		/** The secrets, the deployment and the template that the examples speak of. */
		async function fill(api: ApiUnderTest, withShop: boolean): Promise<void> {
			const send = async (path: string, body: object): Promise<void> => {
				const answer = await api.send('POST', path, { as: tokens.alice, body });
				expect(answer.status, answer.text).toBe(201);
			};
			const services = [{ name: 'web', secrets: [{ key: 'SESSION_KEY' }] }];
			await send('/api/templates', { name: 'web-shop', services });
			for (const key of ['A', 'B', 'C', 'LICENSE']) await send('/api/org/secrets', { key, value: 'x' });
			if (!withShop) return;
			await send('/api/deployments', { name: 'shop', org: 'acme' });
			const web = { deploymentName: 'shop', serviceName: 'web' };
			await send('/api/secrets', { key: 'DATABASE_URL', value: 'one', ...web });
			await send('/api/secrets', { key: 'OLD_KEY', value: 'old', deploymentName: 'shop' });
			const listed = await api.send('GET', '/api/secrets?deployment=shop', { as: tokens.alice });
			const id = (listed.json as { id: string; key: string }[]).find(({ key }) => key === 'DATABASE_URL')?.id;
			for (const value of ['two', 'three', 'four'])
				await api.send('PUT', '/api/secrets', { as: tokens.alice, body: { id, value } });
		}

		test.each(run.filter((block) => !/^envtier (?:secrets reveal|elevate)/.test(block)))(
			'%s',
			{ timeout: 120_000 },
			async (block) => {
				const env = {
					...{ ENVTIER_API_OIDC_ISSUER: issuer.url, ENVTIER_API_OIDC_CA: issuer.caPem },
					ENVTIER_API_AUDIT_STORE: `sqlite:${place.dir}/audit-${run.indexOf(block)}.db`,
				};
				// A restore reads the old value, as in the Reveal program.
				await using api = await startApi({ env, readVersion: () => Promise.resolve({ value: 'old' }) });
				// A registered name stays registered.
				await fill(api, !block.startsWith('envtier deployments create'));
				const [, needs = []] = Object.entries(NEEDS).find(([start]) => block.startsWith(start)) ?? [];
				for (const need of needs) {
					const prepared = await shell(`envtier ${need}`, access(api, tokens.alice));
					expect(prepared.code, `${need}: ${prepared.stderr}`).toBe(0);
				}
				await writeFile(join(place.dir, 'api.log'), api.output());
				for (const example of block.split('\n')) {
					const line = onThisMachine(example);
					const who = line.includes('--accept') ? tokens.bob : tokens.alice;
					const { code, stderr } = await shell(await idsIn(line, api), {
						...access(api, who),
						...(line.startsWith('envtier secrets restore')
							? { ENVTIER_REVEAL_URL: api.url, ENVTIER_REVEAL_TOKEN: who }
							: {}),
					});
					expect(code, `${example}\n${stderr}`).toBe(0);
					expect(stderr).not.toContain('error:');
				}
			},
		);

		/** The same command with files of the shell's home, and with the shell that it is for. */
		function onThisMachine(example: string): string {
			const line = example.replaceAll('/var/log/', '').replaceAll('/usr/local/bin/', `${place.dir}/bin/`);
			// Its comment names the file of zsh that has the line, and what must be before it.
			if (!line.includes('in ~/.zshrc, after compinit')) return line;
			return `zsh -f -c 'autoload -U compinit; compinit -u -D; ${line.replace(/ +#.*$/, '')}'`;
		}

		/** Replaces the id of an API key that an example names. */
		async function idsIn(line: string, api: ApiUnderTest): Promise<string> {
			if (!line.startsWith('envtier keys revoke')) return line;
			const body = { name: 'ci', scopes: ['secrets:read'] };
			await api.send('POST', '/api/keys', { as: tokens.alice, body });
			const listed = await api.send('GET', '/api/keys', { as: tokens.alice });
			return line.replace('0123456789abcdef', (listed.json as { id: string }[])[0]?.id ?? '');
		}

		test('those that need the Reveal program', { timeout: 120_000 }, async () => {
			await using on = await startWithReveal();
			const ada = await on.session('ada', { roles: ['org_admin'] });
			const owner = await on.session('olga');
			const named = { name: 'shop', org: 'acme' };
			await on.reveal.send('POST', '/api/access', { as: owner.reveal, body: named });
			await on.api.send('POST', '/api/deployments', { as: owner.api, body: named });
			const secret = { key: 'TOKEN', value: 'test-only-token', deploymentName: 'shop' };
			expect((await on.api.send('POST', '/api/secrets', { as: owner.api, body: secret })).status).toBe(201);
			const license = { key: 'LICENSE', value: 'test-only-license' };
			expect((await on.api.send('POST', '/api/org/secrets', { as: ada.api, body: license })).status).toBe(
				201,
			);
			const env = {
				...{ ENVTIER_API_URL: on.api.url, ENVTIER_API_TOKEN: ada.api, ENVTIER_API_ORG: 'acme' },
				...{ ENVTIER_REVEAL_URL: on.reveal.url, ENVTIER_REVEAL_TOKEN: ada.reveal, TERM: 'xterm' },
			};
			const [reveal = '', elevate = ''] = ['envtier secrets reveal', 'envtier elevate'].map((start) =>
				blocks.find((block) => block.startsWith(start)),
			);
			const [start = '', list = '', end = ''] = elevate.split('\n');
			const done = async (line: string) => {
				const ran = await shell(line, env);
				expect(ran.code, `${line}\n${ran.stderr}`).toBe(0);
				return ran.stdout;
			};
			await done(start);
			expect(await done(list)).toContain('incident 42');
			await done(start.replace('--deployment shop', '--org acme'));
			const [toTerminal = '', toFile = ''] = reveal.split('\n');
			// On a terminal of its own.
			const shown = await done(`script --quiet --return --command "${toTerminal}" /dev/null`);
			expect(shown).toContain('test-only-token');
			await done(toFile);
			expect(await readFile(join(place.dir, 'license.txt'), 'utf8')).toBe('test-only-license');
			await done(end);
		});
	},
);
