/**
 * Measures the secrets API as a process, over TLS on the loopback interface: a list of 1,000 secrets, and the
 * creation of secrets, with the memory store and with a real OpenBao. Compares it with the same work at that
 * OpenBao directly. Also compares a list with OpenBao's one request that returns the same metadata, and
 * measures a list with a policy that forbids that request. Rounds alternate, so that a noisy machine affects
 * all of them equally.
 */

import { Agent, request } from 'node:https';
import process from 'node:process';
import { caller } from '../test/api/support/api.ts';
import { vaultEnv } from '../test/api/support/both.ts';
import { type ApiProcess, startApiProcess } from '../test/api/support/process.ts';
import { shippedPolicy } from '../test/api/support/stores.ts';
import { startOpenBao } from '../test/support/openbao.ts';
import { createToken, writePolicy } from '../test/support/openbao-setup.ts';
import { median, percentile } from './support/stats.ts';

const SECRETS = 1_000;
const CREATES = 400;
const CLIENTS = 8;
const ROUNDS = 5;
/** Lists with few requests are short, so they need more rounds for a stable median. */
const LIST_ROUNDS = 25;

const say = (text: string): void => void process.stdout.write(text);
const me = caller('user:bench');
const bao = await startOpenBao();
const env = { ENVTIER_API_CALLS_PER_MINUTE: '1000000', ENVTIER_API_OVERWRITES_PER_HOUR: '1000' };
const onMemory = await startApiProcess({ ...env, ENVTIER_API_STORE: 'memory' }, [me]);
const vault = await vaultEnv(bao);
const onVault = await startApiProcess({ ...env, ...vault }, [me]);
const withoutDetails = (await shippedPolicy()).replace(/^.*detailed-metadata.*$/gm, '');
await writePolicy(bao, 'without-details', withoutDetails);
const token = { ENVTIER_API_VAULT_TOKEN: await createToken(bao, ['without-details']) };
const oneByOne = await startApiProcess({ ...env, ...vault, ...token }, [me]);
/** Keep-alive agents by origin. Each server has its own CA. */
const agents = new Map(
	[
		[bao.addr, bao.caPem],
		[onMemory.url, onMemory.authority.certPem],
		[onVault.url, onVault.authority.certPem],
		[oneByOne.url, oneByOne.authority.certPem],
	].map(([origin = '', ca]) => [origin, new Agent({ keepAlive: true, maxSockets: 16, ca })]),
);

/** Sends a request over a keep-alive connection. Throws unless it succeeds. */
function send(url: string, method: string, headers: Record<string, string>, body?: object): Promise<string> {
	const payload = body === undefined ? undefined : JSON.stringify(body);
	const agent = agents.get(new URL(url).origin);
	const options = { method, agent, headers: { 'content-type': 'application/json', ...headers } };
	return new Promise((resolve, reject) => {
		const sent = request(url, options);
		sent.on('error', reject);
		sent.on('response', (answer) => {
			const chunks: Buffer[] = [];
			answer.on('data', (chunk: Buffer) => chunks.push(chunk));
			answer.on('end', () => {
				const text = Buffer.concat(chunks).toString('utf8');
				if ((answer.statusCode ?? 500) < 300) resolve(text);
				else reject(new Error(`${method} ${url}: ${answer.statusCode} ${text}`));
			});
		});
		sent.end(payload);
	});
}

/** Runs `work` for 0 … count-1 with limited concurrency. Returns the milliseconds of each. */
async function inParallel(
	count: number,
	atOnce: number,
	work: (i: number) => Promise<unknown>,
): Promise<number[]> {
	const times: number[] = [];
	let next = 0;
	const worker = async (): Promise<void> => {
		for (let i = next++; i < count; i = next++) {
			const start = performance.now();
			await work(i);
			times.push(performance.now() - start);
		}
	};
	await Promise.all(Array.from({ length: atOnce }, worker));
	return times;
}

const bearer = { authorization: `Bearer ${me.key}` };
const root = { 'x-vault-token': bao.rootToken };
const created = (prefix: string, i: number) => ({
	key: `${prefix}_${i}`,
	value: `value ${i}`,
	deploymentName: 'shop',
});

/** The API path of the folder with the secrets to list. */
const folderIn = (part: string): string => `${bao.addr}/v1/secret/${part}/deployments/shop/secrets`;
/** The keys in a response to a list. */
const keysIn = (text: string): readonly string[] =>
	(JSON.parse(text) as { data: { keys: readonly string[] } }).data.keys;

/** One measured client: it lists secrets and creates one secret. */
interface Subject {
	/** Returns the number of secrets. */
	readonly list: () => Promise<number>;
	/** True if a list takes a request for each secret. It is measured in `ROUNDS` rounds. */
	readonly slow?: true;
	readonly create?: (prefix: string, i: number) => Promise<unknown>;
}

const ONE_REQUEST = 'OpenBao, LIST detailed-metadata';
const subjects: Readonly<Record<string, Subject>> = {
	'API, memory store': api(onMemory),
	'API, OpenBao': api(onVault),
	'API, OpenBao, without detailed-metadata': { slow: true, list: api(oneByOne).list },
	[ONE_REQUEST]: {
		list: async () => keysIn(await send(`${folderIn('detailed-metadata')}/?list=true`, 'GET', root)).length,
	},
	'OpenBao directly': {
		slow: true,
		list: async () => {
			const folder = folderIn('metadata');
			const keys = keysIn(await send(`${folder}/?list=true`, 'GET', root));
			await inParallel(keys.length, 12, (i) => send(`${folder}/${keys[i]}`, 'GET', root));
			return keys.length;
		},
		create: async (prefix: string, i: number) => {
			const path = `deployments/direct/secrets/${prefix}_${i}`;
			const body = { data: { value: `value ${i}` }, options: { cas: 0 } };
			await send(`${bao.addr}/v1/secret/data/${path}`, 'POST', root, body);
			const metadata = { custom_metadata: { id: 'x', owner: 'x', created_by: 'x', created_at: 'x' } };
			await send(`${bao.addr}/v1/secret/metadata/${path}`, 'POST', root, metadata);
		},
	},
};

function api({ url }: ApiProcess): Required<Pick<Subject, 'list' | 'create'>> {
	return {
		list: async () =>
			(JSON.parse(await send(`${url}/api/secrets?deployment=shop`, 'GET', bearer)) as unknown[]).length,
		create: (prefix: string, i: number) => send(`${url}/api/secrets`, 'POST', bearer, created(prefix, i)),
	};
}

try {
	for (const { url } of [onMemory, onVault]) {
		await send(`${url}/api/deployments`, 'POST', bearer, { name: 'shop', org: 'acme' });
		await inParallel(SECRETS, CLIENTS, (i) => send(`${url}/api/secrets`, 'POST', bearer, created('KEY', i)));
	}
	say(
		`${SECRETS} secrets; ${CREATES} creates over ${CLIENTS} connections; medians of ${LIST_ROUNDS} and ${ROUNDS} rounds\n`,
	);
	const lists = new Map<string, number[]>();
	const rates = new Map<string, number[]>();
	const latencies = new Map<string, number[]>();
	const add = (to: Map<string, number[]>, name: string, values: readonly number[]): void =>
		void to.set(name, [...(to.get(name) ?? []), ...values]);
	// All lists run before the first create, so that the folder does not grow between them.
	for (let round = 0; round < LIST_ROUNDS; round += 1)
		for (const [name, { list, slow }] of Object.entries(subjects)) {
			if (slow && round % (LIST_ROUNDS / ROUNDS) !== 0) continue;
			const start = performance.now();
			const count = await list();
			if (count !== SECRETS) throw new Error(`${name} listed ${count} secrets`);
			add(lists, name, [performance.now() - start]);
		}
	const base = 'OpenBao directly';
	const of = (from: Map<string, number[]>, name: string): number => median(from.get(name) ?? []);
	say('\n| what | list ms | × one request | × direct |\n|---|---|---|---|\n');
	for (const name of Object.keys(subjects)) {
		const time = of(lists, name);
		const ratios = [ONE_REQUEST, base].map((other) => (time / of(lists, other)).toFixed(2));
		say(`| ${name} | ${[time.toFixed(1), ...ratios].join(' | ')} |\n`);
	}
	for (let round = 0; round < ROUNDS; round += 1)
		for (const [name, { create }] of Object.entries(subjects)) {
			if (create === undefined) continue;
			const start = performance.now();
			const times = await inParallel(CREATES, CLIENTS, (i) => create(`R${round}`, i));
			add(rates, name, [CREATES / ((performance.now() - start) / 1000)]);
			add(latencies, name, times);
		}
	say('\n| what | creates/s | × direct | p50 ms | p99 ms |\n|---|---|---|---|---|\n');
	for (const name of rates.keys()) {
		const cells = [
			of(rates, name).toFixed(0),
			(of(rates, name) / of(rates, base)).toFixed(2),
			percentile(latencies.get(name) ?? [], 0.5).toFixed(1),
			percentile(latencies.get(name) ?? [], 0.99).toFixed(1),
		];
		say(`| ${name} | ${cells.join(' | ')} |\n`);
	}
} finally {
	for (const agent of agents.values()) agent.destroy();
	await onMemory[Symbol.asyncDispose]();
	await onVault[Symbol.asyncDispose]();
	await oneByOne[Symbol.asyncDispose]();
	await bao.stop();
}
