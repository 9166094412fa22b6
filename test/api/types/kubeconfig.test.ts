import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { preparePrograms } from '../../support/kubernetes/programs.ts';
import { scratch } from '../../support/scratch.ts';
import { type Authority, makeAuthority } from '../../support/tls.ts';
import { make, parts } from './support.ts';

let authority: Authority;
beforeAll(async () => {
	authority = await makeAuthority('Cluster');
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Change {
	readonly cluster?: object;
	readonly user?: object;
	readonly context?: object;
	readonly config?: object;
}

/** A kubeconfig, with changes of its parts; undefined removes a field. */
function config({ cluster, user, context, config: top }: Change = {}): object {
	const ca = base64(authority.certPem);
	return JSON.parse(
		JSON.stringify({
			...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'shop' },
			clusters: [
				{
					name: 'c',
					cluster: { server: 'https://127.0.0.1:6443', 'certificate-authority-data': ca, ...cluster },
				},
			],
			users: [{ name: 'u', user: { token: 'test-only', ...user } }],
			contexts: [{ name: 'shop', context: { cluster: 'c', user: 'u', ...context } }],
			...top,
		}),
	) as object;
}

test('kubectl reaches a server with an accepted file, and checks its certificate (needs kubectl)', async () => {
	const programs = await preparePrograms(['kubectl']);
	if (!programs.ok) throw new Error(programs.error);
	const leaf = await authority.issue();
	const server = createServer({ cert: leaf.certPem, key: leaf.keyPem }, (request, response) => {
		response.statusCode = request.headers.authorization === 'Bearer test-only' ? 200 : 401;
		response.setHeader('content-type', 'application/json');
		response.end('{"gitVersion":"v1.99.0"}');
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const place = await scratch('kubeconfig');
	onTestFinished(async () => {
		server.closeAllConnections();
		server.close();
		await place.remove();
	});
	const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const { kubeconfig = '' } = await parts('kubeconfig', {
		fields: { kubeconfig: stringify(config({ cluster: { server: url } })) },
	});
	const file = join(place.dir, 'config');
	await writeFile(file, kubeconfig);
	const kubectl = kubectlFor(programs.value.kubectl, { kubeconfig: file });
	expect(await kubectl('get', '--raw', '/version')).toMatchObject({
		code: 0,
		stdout: '{"gitVersion":"v1.99.0"}',
	});
	expect(await kubectl('config', 'current-context')).toMatchObject({ stdout: 'shop\n' });
	const other = await makeAuthority('Other');
	const wrong = config({ cluster: { server: url, 'certificate-authority-data': base64(other.certPem) } });
	await writeFile(file, stringify(wrong));
	expect((await kubectl('get', '--raw', '/version')).stderr).toMatch(/x509|certificate/);
});

test.each<[string, Change]>([
	['a token', {}],
	['user name and password', { user: { token: undefined, username: 'u', password: 'p' } }],
	['a namespace', { context: { namespace: 'shop' } }],
	['extensions of other tools', { cluster: { extensions: [{ name: 'minikube', extension: {} }] } }],
	['empty preferences', { config: { preferences: {} } }],
])('%s: accepted, in JSON too, as it is', async (_name, change) => {
	for (const kubeconfig of [stringify(config(change)), JSON.stringify(config(change))])
		expect(await parts('kubeconfig', { fields: { kubeconfig } })).toEqual({ kubeconfig });
});

test('a client certificate and its key are accepted', async () => {
	const leaf = await authority.issue();
	const pair = {
		token: undefined,
		'client-certificate-data': base64(leaf.certPem),
		'client-key-data': base64(leaf.keyPem),
	};
	const kubeconfig = stringify(config({ user: pair }));
	expect(await parts('kubeconfig', { fields: { kubeconfig } })).toEqual({ kubeconfig });
});

const many = (length: number) =>
	Array.from({ length }, (_, i) => ({ name: `u${i}`, user: { token: 'test-only' } }));

test.each<[string, Change, RegExp]>([
	['a program', { user: { exec: { command: 'sh' } } }, /unknown field "exec"/],
	['an auth provider', { user: { 'auth-provider': { name: 'gcp' } } }, /unknown field "auth-provider"/],
	['a program in other letters', { user: { Exec: { command: 'sh' } } }, /unknown field "Exec"/],
	['a file of the token', { user: { tokenFile: '/etc/passwd' } }, /unknown field "tokenFile"/],
	[
		'a file of the certificate',
		{ user: { 'client-certificate': 'x' } },
		/unknown field "client-certificate"/,
	],
	['a file of the key', { user: { 'client-key': 'x' } }, /unknown field "client-key"/],
	[
		'a file of the CA',
		{ cluster: { 'certificate-authority': 'x' } },
		/unknown field "certificate-authority"/,
	],
	[
		'no check of the server',
		{ cluster: { 'insecure-skip-tls-verify': true } },
		/unknown field "insecure-skip/,
	],
	['http', { cluster: { server: 'http://a' } }, /must be an https:\/\/ address/],
	[
		'no CA',
		{ cluster: { 'certificate-authority-data': undefined } },
		/certificate-authority-data is required/,
	],
	['a CA that is none', { cluster: { 'certificate-authority-data': base64('canary') } }, /base64 of PEM/],
	['no credentials', { user: { token: undefined } }, /each user needs a token/],
	['half a login', { user: { username: 'u' } }, /each user needs a token/],
	[
		'half a pair',
		{ user: { 'client-key-data': base64('-----BEGIN EC PRIVATE KEY-----') } },
		/each user needs/,
	],
	['a context without its user', { context: { user: 'other' } }, /a context names a cluster or a user/],
	[
		'a current context that is not there',
		{ config: { 'current-context': 'other' } },
		/current-context names/,
	],
	['no current context', { config: { 'current-context': undefined } }, /current-context is required/],
	['21 users', { config: { users: many(21) } }, /users/],
	['two users of one name', { config: { users: [...many(1), ...many(1)] } }, /twice/],
	['another kind', { config: { kind: 'Secret' } }, /kind/],
])('refused: %s', async (_name, change, message) => {
	const refusal = await make('kubeconfig', { fields: { kubeconfig: stringify(config(change)) } });
	expect(refusal).toMatch(message);
	expect(refusal).not.toContain('canary');
	expect(refusal).not.toContain('test-only');
});

test.each<[string, string, RegExp]>([
	['text that is no YAML', 'a: [canary', /fields\.kubeconfig is not YAML/],
	['a key twice', 'kind: Config\nkind: Config', /twice/],
	['two documents', 'a: 1\n---\nb: 2', /more than one/],
	['more than 64 KiB', `# ${'x'.repeat(64 * 1024)}`, /at most 65536 bytes/],
	['a number', '7', /must be of type object/],
])('refused: %s', async (_name, kubeconfig, message) => {
	const refusal = await make('kubeconfig', { fields: { kubeconfig } });
	expect(refusal).toMatch(message);
	expect(refusal).not.toContain('canary');
});
