/**
 * Measures list, search and page of 5,000 secrets of one deployment over the secrets API, as a process over
 * TLS on the loopback interface with a real OpenBao; and the same with a policy without
 * `detailed-metadata/`, which is what the API does on HashiCorp Vault. Rounds alternate.
 */

import { Agent, request } from 'node:https';
import process from 'node:process';
import { mapAtMost } from '../api/concurrency.ts';
import { caller } from '../test/api/support/api.ts';
import { vaultEnv } from '../test/api/support/both.ts';
import { startApiProcess } from '../test/api/support/process.ts';
import { shippedPolicy } from '../test/api/support/stores.ts';
import { startOpenBao } from '../test/support/openbao.ts';
import { createToken, must, putSecret, writePolicy } from '../test/support/openbao-setup.ts';
import { median } from './support/stats.ts';

const SECRETS = 5_000;
const TAGGED = 50;
const ROUNDS = 6;
/** A list without `detailed-metadata/` takes a request for each secret: it runs in every third round. */
const SLOW_EVERY = 3;

const me = caller('user:bench');
const bao = await startOpenBao();
const env = { ENVTIER_API_CALLS_PER_MINUTE: '1000000', ...(await vaultEnv(bao)) };
const withDetails = await startApiProcess(env, [me]);
await writePolicy(bao, 'without', (await shippedPolicy()).replace(/^.*detailed-metadata.*$/gm, ''));
const token = { ENVTIER_API_VAULT_TOKEN: await createToken(bao, ['without']) };
const oneByOne = await startApiProcess({ ...env, ...token }, [me]);
const servers = { OpenBao: withDetails, 'without detailed-metadata': oneByOne };
const agents = new Map(
	Object.values(servers).map(({ url, authority }) => [
		url,
		new Agent({ keepAlive: true, ca: authority.certPem }),
	]),
);

/** Sends a request. Returns the number of secrets in the response. */
function count(origin: string, path: string, method = 'GET', body?: object): Promise<number> {
	const headers = { authorization: `Bearer ${me.key}`, 'content-type': 'application/json' };
	return new Promise((resolve, reject) => {
		const sent = request(`${origin}${path}`, { method, agent: agents.get(origin), headers });
		sent.on('error', reject);
		sent.on('response', (answer) => {
			const chunks: Buffer[] = [];
			answer.on('data', (chunk: Buffer) => chunks.push(chunk));
			answer.on('end', () => {
				const text = Buffer.concat(chunks).toString('utf8');
				if ((answer.statusCode ?? 500) >= 300) reject(new Error(`${path}: ${answer.statusCode} ${text}`));
				else resolve((JSON.parse(text) as { length?: number }).length ?? 1);
			});
		});
		sent.end(body === undefined ? undefined : JSON.stringify(body));
	});
}

const CALLS = {
	'list of all': ['/api/secrets?deployment=large', SECRETS],
	'search by a tag': ['/api/secrets?deployment=large&tag=rare', TAGGED],
	'search by a text': ['/api/secrets?deployment=large&q=key_49', 100],
	'first page': ['/api/secrets?deployment=large&page=', 500],
} as const;

try {
	await count(withDetails.url, '/api/deployments', 'POST', { name: 'large', org: 'acme' });
	await mapAtMost(
		16,
		Array.from({ length: SECRETS }, (_, i) => i),
		async (i) => {
			const path = `deployments/large/secrets/KEY_${String(i).padStart(4, '0')}`;
			await putSecret(bao, path, 'v');
			if (i % (SECRETS / TAGGED) !== 0) return;
			await must(bao, 'POST', `secret/metadata/${path}`, { body: { custom_metadata: { tags: 'rare' } } });
		},
	);
	const times = new Map<string, number[]>();
	for (let round = 0; round < ROUNDS; round += 1)
		for (const [server, { url }] of Object.entries(servers)) {
			if (url === oneByOne.url && round % SLOW_EVERY !== 0) continue;
			for (const [name, [path, expected]] of Object.entries(CALLS)) {
				const start = performance.now();
				const found = await count(url, path);
				if (found !== expected) throw new Error(`${name}: ${found} secrets instead of ${expected}`);
				const key = `${name} ${server}`;
				times.set(key, [...(times.get(key) ?? []), performance.now() - start]);
			}
		}
	process.stdout.write(`${SECRETS} secrets; medians of ${ROUNDS} and ${ROUNDS / SLOW_EVERY} rounds, ms\n\n`);
	process.stdout.write(`| call | ${Object.keys(servers).join(' | ')} |\n|---|---|---|\n`);
	for (const name of Object.keys(CALLS)) {
		const cells = Object.keys(servers).map((server) =>
			median(times.get(`${name} ${server}`) ?? []).toFixed(0),
		);
		process.stdout.write(`| ${name} | ${cells.join(' | ')} |\n`);
	}
} finally {
	for (const agent of agents.values()) agent.destroy();
	await withDetails[Symbol.asyncDispose]();
	await oneByOne[Symbol.asyncDispose]();
	await bao.stop();
}
