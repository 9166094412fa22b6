/** Who gets copies of a template's values in a new deployment: only who could reveal them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCOPES } from '../../api/auth/caller.ts';
import { type Caller, caller } from './support/api.ts';
import { type OnStore, STORES } from './support/both.ts';
import { type Issuer, startIssuer } from './support/issuer.ts';

const olga = caller('user:olga', { roles: [] });
const olgaWrites = caller('user:olga', { roles: [], scopes: ['secrets:write'] });
const admin = caller('user:ada', { roles: ['org_admin'] });
const member = caller('user:carol', { roles: [] });

const SERVICES = [
	{
		name: 'web',
		secrets: [
			{ key: 'API_TOKEN' },
			{ key: 'UNSET' },
			{ type: 'password', name: 'SESSION_KEY', generate: true },
		],
	},
	{ name: 'worker', secrets: [{ key: 'SHARED' }] },
];
const SESSION_KEY = [{ serviceName: 'web', key: 'SESSION_KEY' }];
/** What a caller gets who could reveal the values. */
const WITH_VALUES = {
	generated: SESSION_KEY,
	copied: [
		{ serviceName: '', key: 'SHARED' },
		{ serviceName: '', key: 'UNDECLARED' },
		{ serviceName: 'web', key: 'API_TOKEN' },
		{ serviceName: 'web', key: 'MAYBE' },
	],
	missing: [{ serviceName: 'web', key: 'UNSET' }],
};
/** What all others get. */
const WITHOUT_VALUES = {
	generated: SESSION_KEY,
	copied: [],
	missing: [
		{ serviceName: 'web', key: 'API_TOKEN' },
		{ serviceName: 'web', key: 'UNSET' },
		{ serviceName: 'worker', key: 'SHARED' },
		{ serviceName: '', key: 'UNDECLARED' },
		{ serviceName: 'web', key: 'MAYBE' },
	],
};

describe.each(Object.entries(STORES))('on %s', (_name, open) => {
	let on: OnStore;
	let issuer: Issuer;
	let counter = 0;
	const send = (method: string, path: string, as: Caller | string, body?: object) =>
		on.api.send(method, path, { as, body });
	const session = (sub: string, claims: object = {}) =>
		issuer.session({ sub, org: 'acme', scope: SCOPES.join(' '), ...claims });

	beforeAll(async () => {
		issuer = await startIssuer();
		const env = { ENVTIER_API_OIDC_ISSUER: issuer.url, ENVTIER_API_OIDC_CA: issuer.caPem };
		on = await open({ callers: [olga, olgaWrites, admin, member], env });
		const made = await send('POST', '/api/templates', olga, { name: 'base', services: SERVICES });
		expect(made.status, made.text).toBe(201);
		expect((await send('PUT', '/api/templates/base', olga, { shared: true })).status).toBe(200);
		for (const [key, serviceName] of [
			['API_TOKEN', 'web'],
			['MAYBE', 'web'],
			['SHARED', undefined],
			['UNDECLARED', undefined],
		]) {
			const body = { key, value: 'canary', deploymentName: 'template:base', serviceName };
			const put = await send('POST', '/api/secrets', olga, body);
			expect(put.status, put.text).toBe(201);
		}
	});
	afterAll(async () => {
		await on?.[Symbol.asyncDispose]();
		await issuer?.[Symbol.asyncDispose]();
	});

	test.each<readonly [string, () => Promise<Caller | string> | Caller, object]>([
		['the owner, with a session', () => session('olga'), WITH_VALUES],
		['the owner, with an API key', () => olga, WITH_VALUES],
		[
			'an admin of the organization, with a session',
			() => session('ada', { roles: ['org_admin'] }),
			WITH_VALUES,
		],
		['the owner, with a key that may not read', () => olgaWrites, WITHOUT_VALUES],
		['an admin with an API key, which can have no elevation', () => admin, WITHOUT_VALUES],
		['a member of the organization, with a session', () => session('carol'), WITHOUT_VALUES],
		['a member of the organization, with an API key', () => member, WITHOUT_VALUES],
	])('%s', async (_who, credentials, expected) => {
		const name = `made-${++counter}`;
		const as = await credentials();
		const made = await send('POST', '/api/deployments', as, { name, org: 'acme', template: 'base' });
		expect(made.status, made.text).toBe(201);
		expect(made.json).toMatchObject(expected);
		const { copied, generated, kept } = made.json as Record<string, readonly object[]>;
		const path = `/api/secrets?deployment=${name}`;
		const listed = await send('GET', path, as === olgaWrites ? olga : as);
		expect(listed.json).toHaveLength((copied?.length ?? 0) + (generated?.length ?? 0));
		expect(kept).toEqual([]);
	});

	test('whoever gets no values can set them afterwards, and loses no name to it', async () => {
		const body = { key: 'API_TOKEN', value: 'own', deploymentName: `late-${++counter}`, serviceName: 'web' };
		const made = { name: body.deploymentName, org: 'acme', template: 'base' };
		expect((await send('POST', '/api/deployments', member, made)).status).toBe(201);
		expect((await send('POST', '/api/secrets', member, body)).status).toBe(201);
	});

	test('no value of the template is in any log', () => {
		expect(on.api.output()).not.toContain('canary');
	});
});
