/** What the real fetcher reads of a secret in each state that the API brings it into. */
import { expect, test } from 'vitest';
import { caller, startApi } from '../api/support/api.ts';
import { startIssuer } from '../api/support/issuer.ts';
import { apiToken } from '../api/support/stores.ts';
import { startReal, vaultEnv } from './support/backends.ts';
import { buildFetcher, makePod, runFetcher } from './support/fetcher.ts';

const alice = caller('user:alice');

test('a pod gets the value of the tier below while a secret is deleted or destroyed, else its own', async () => {
	const fetcher = await buildFetcher();
	await using vault = await startReal();
	await using issuer = await startIssuer();
	const env = {
		ENVTIER_VAULT_ADDR: vault.addr,
		ENVTIER_VAULT_CA: vault.caPem,
		ENVTIER_API_VAULT_TOKEN: await apiToken(vault),
		ENVTIER_API_OIDC_ISSUER: issuer.url,
		ENVTIER_API_OIDC_CA: issuer.caPem,
	};
	await using api = await startApi({ env, callers: [alice] });
	const admin = await issuer.session({
		...{ sub: 'root', org: 'acme', roles: ['org_admin'] },
		scope: 'secrets:read secrets:write secrets:delete secrets:destroy',
	});
	const send = async (method: string, path: string, body: object, as: typeof alice | string = alice) => {
		const answer = await api.send(method, path, { as, body });
		expect([200, 201], `${method} ${path}: ${answer.text}`).toContain(answer.status);
		return answer.json as { id: string };
	};
	/** What a new pod gets. */
	const read = async (): Promise<unknown> => {
		const pod = await makePod(vault.jwt());
		try {
			const { code, last } = await runFetcher(fetcher, pod, { ...vaultEnv(vault), ENVTIER_FORMAT: 'json' });
			expect(code, JSON.stringify(last)).toBe(0);
			return (JSON.parse(pod.files()['env.json'] ?? '{}') as Record<string, unknown>)['KEY'];
		} finally {
			await pod.scratch.remove();
		}
	};
	await send('POST', '/api/deployments', { name: 'shop', org: 'acme' });
	await send('POST', '/api/org/secrets', { key: 'KEY', value: 'below' });
	expect(await read()).toBe('below');
	const place = { deploymentName: 'shop', serviceName: 'web' };
	const { id } = await send('POST', '/api/secrets', { key: 'KEY', value: 'own', ...place });
	expect(await read()).toBe('own');
	await send('PUT', '/api/secrets', { id, value: 'changed' });
	expect(await read()).toBe('changed');
	await send('DELETE', '/api/secrets', { id });
	expect(await read()).toBe('below');
	await send('POST', '/api/secrets/undelete', { id });
	expect(await read()).toBe('changed');
	await send('DELETE', '/api/secrets?destroy=true', { id, confirm: 'KEY' }, admin);
	expect(await read()).toBe('below');
	const { id: next } = await send('POST', '/api/secrets', { key: 'KEY', value: 'again', ...place });
	expect(next).not.toBe(id);
	expect(await read()).toBe('again');
}, 120_000);
