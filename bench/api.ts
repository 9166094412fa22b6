/**
 * The secrets API over the loopback: listing 1,000 secrets and creating secrets, on the memory store and on a real OpenBao, beside the same
 * requests made to that OpenBao directly. Rounds alternate, so that a noisy machine disturbs all alike.
 */

import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent, request } from 'node:https';
import process from 'node:process';
import { caller, startApi } from '../test/api/support/api.ts';
import { vaultEnv } from '../test/api/support/both.ts';
import { startOpenBao } from '../test/support/openbao.ts';
import { median, percentile } from './support/stats.ts';

const SECRETS = 1_000;
const CREATES = 400;
const CLIENTS = 8;
const ROUNDS = 5;

const say = (text: string): void => void process.stdout.write(text);
const me = caller('user:bench');
const bao = await startOpenBao();
const env = { ENVTIER_LOG_LEVEL: 'error' };
const onMemory = await startApi({ env, callers: [me] });
const onVault = await startApi({ env: { ...env, ...(await vaultEnv(bao)) }, callers: [me] });
const tls = new Agent({ keepAlive: true, maxSockets: 16, ca: bao.caPem });
const plain = new PlainAgent({ keepAlive: true, maxSockets: 16 });

/** One request over kept connections; anything but a success ends the bench. */
function send(url: string, method: string, headers: Record<string, string>, body?: object): Promise<string> {
	const payload = body === undefined ? undefined : JSON.stringify(body);
	const secure = url.startsWith('https:');
	const options = { method, headers: { 'content-type': 'application/json', ...headers } };
	return new Promise((resolve, reject) => {
		const sent = secure
			? request(url, { ...options, agent: tls })
			: plainRequest(url, { ...options, agent: plain });
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

/** Runs `work` for 0 … count-1, some at a time; milliseconds of each. */
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

/** What is measured on each: a listing, and the creation of one secret. */
const subjects = {
	'API, memory store': api(onMemory.url),
	'API, OpenBao': api(onVault.url),
	'OpenBao directly': {
		list: async () => {
			const folder = `${bao.addr}/v1/secret/metadata/deployments/shop/secrets`;
			const { data } = JSON.parse(await send(`${folder}/?list=true`, 'GET', root)) as {
				data: { keys: string[] };
			};
			const keys = data.keys;
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

function api(url: string) {
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
	say(`${SECRETS} secrets; ${CREATES} creates over ${CLIENTS} connections; medians of ${ROUNDS} rounds\n`);
	const lists = new Map<string, number[]>();
	const rates = new Map<string, number[]>();
	const latencies = new Map<string, number[]>();
	const add = (to: Map<string, number[]>, name: string, values: readonly number[]): void =>
		void to.set(name, [...(to.get(name) ?? []), ...values]);
	// All lists before any create: the folder must not grow in between.
	for (let round = 0; round < ROUNDS; round += 1)
		for (const [name, { list }] of Object.entries(subjects)) {
			const start = performance.now();
			const count = await list();
			if (count !== SECRETS) throw new Error(`${name} listed ${count} secrets`);
			add(lists, name, [performance.now() - start]);
		}
	for (let round = 0; round < ROUNDS; round += 1)
		for (const [name, { create }] of Object.entries(subjects)) {
			const start = performance.now();
			const times = await inParallel(CREATES, CLIENTS, (i) => create(`R${round}`, i));
			add(rates, name, [CREATES / ((performance.now() - start) / 1000)]);
			add(latencies, name, times);
		}
	const base = 'OpenBao directly';
	const of = (from: Map<string, number[]>, name: string): number => median(from.get(name) ?? []);
	say(
		'\n| what | list ms | × direct | creates/s | × direct | create p50 ms | p99 ms |\n|---|---|---|---|---|---|---|\n',
	);
	for (const name of Object.keys(subjects)) {
		const cells = [
			of(lists, name).toFixed(0),
			(of(lists, name) / of(lists, base)).toFixed(2),
			of(rates, name).toFixed(0),
			(of(rates, name) / of(rates, base)).toFixed(2),
			percentile(latencies.get(name) ?? [], 0.5).toFixed(1),
			percentile(latencies.get(name) ?? [], 0.99).toFixed(1),
		];
		say(`| ${name} | ${cells.join(' | ')} |\n`);
	}
} finally {
	tls.destroy();
	plain.destroy();
	await onMemory[Symbol.asyncDispose]();
	await onVault[Symbol.asyncDispose]();
	await bao.stop();
}
