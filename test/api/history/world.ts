import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Answer, call } from '../../support/http.ts';
import { type OpenBao, startOpenBao } from '../../support/openbao.ts';
import { must } from '../../support/openbao-setup.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { type AuditDatabaseUnderTest, startAuditPostgres } from '../audit/databases.ts';
import { caller } from '../support/api.ts';
import { vaultEnv } from '../support/both.ts';
import { type ApiProcess, startApiProcess } from '../support/process.ts';
import type { FinalState, HistoryLine } from './checker.ts';

/** The last one is deleted in the middle of a history. */
export const DEPLOYMENTS = ['shop', 'store', 'doomed'] as const;

/** A key, or the two keys of a user name and a password. */
export interface Place {
	readonly name: string;
	readonly deployment: string;
	readonly service: string;
	readonly key: string;
	readonly typed: boolean;
}

const KEYS = [
	...['A', 'B', 'C'].map((key) => ['', key, false] as const),
	...['A', 'B'].map((key) => ['web', key, false] as const),
	['', 'DB', true],
] as const;
export const PLACES: readonly Place[] = DEPLOYMENTS.flatMap((deployment) =>
	KEYS.map(([service, key, typed]) => {
		const name = `${deployment}/${service} ${key}`;
		return { name, deployment, service, key, typed };
	}),
);

const owner = caller('user:owner');
const platform = caller('user:platform', { roles: ['platform_admin'], org: undefined });

/** Two replicas of the API as processes, their OpenBao and the PostgreSQL of their audit. */
export interface World extends AsyncDisposable {
	/** Sends a call to a replica. Rejects with the error of the connection; `ECONNREFUSED`: nothing was sent. */
	send(replica: number, method: string, path: string, body: object | undefined, id: string): Promise<Answer>;
	/** Kills one part and starts it again: by the number, a replica, OpenBao, PostgreSQL, the other replica. */
	strike(number: number): Promise<void>;
	/** Ends both replicas as a rollout does, and starts the first one again. */
	restart(): Promise<void>;
	/**
	 * Waits until the replica has ended what a killed one left of typed secrets: it does so two minutes after
	 * such a call began.
	 */
	settle(): Promise<void>;
	/** The lines of both replicas' logs. */
	logged(): Promise<readonly HistoryLine[]>;
	/** Loads lines into the audit store over the API. */
	load(lines: readonly HistoryLine[]): Promise<void>;
	stored(): Promise<readonly HistoryLine[]>;
	/** What OpenBao holds, read with the root token, which no client has. */
	inVault(): Promise<{ final: ReadonlyMap<string, FinalState>; written: ReadonlySet<string> }>;
}

/** Starts everything, with both deployments. */
export async function startWorld(): Promise<World> {
	const place = await scratch('history');
	const [bao, database] = await Promise.all([startOpenBao({ durable: true }), startAuditPostgres()]);
	// Every version stays, so that a value that was overwritten can be found.
	await must(bao, 'POST', 'secret/config', { body: { max_versions: 1000 } });
	const env = {
		...(await vaultEnv(bao)),
		...{ ENVTIER_API_CALLS_PER_MINUTE: '1000000', ENVTIER_API_VAULT_TIMEOUT: '2' },
		ENVTIER_API_OVERWRITES_PER_HOUR: '999',
		ENVTIER_API_AUDIT_STORE: database.address,
	};
	const replicas: (ApiProcess | undefined)[] = [];
	const logFile = (replica: number): string => join(place.dir, `audit-${replica}.log`);
	const startReplica = async (replica: number): Promise<void> => {
		const settings = { ...env, ENVTIER_API_AUDIT_FILE: logFile(replica) };
		replicas[replica] = await startApiProcess(settings, [owner, platform]);
	};
	const sendAs = (key: string): World['send'] => {
		return async (replica, method, path, body, id) => {
			const to = replicas[replica];
			if (to === undefined) throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
			const headers = { authorization: `Bearer ${key}`, 'x-request-id': id };
			return await call({ url: `${to.url}${path}`, method, body, caPem: to.authority.certPem, headers });
		};
	};
	const send = sendAs(owner.key);
	const end = async (replica: number, work: (process: ApiProcess) => Promise<void>): Promise<void> => {
		const ending = replicas[replica];
		replicas[replica] = undefined;
		if (ending === undefined) return;
		await work(ending);
		await ending[Symbol.asyncDispose]();
	};
	const killReplica = async (replica: number): Promise<void> => {
		await end(replica, async ({ process }) => {
			process.signal('SIGKILL');
			await process.exited;
		});
		await startReplica(replica);
	};
	const faults: readonly (() => Promise<void>)[] = [
		() => killReplica(0),
		async () => {
			await bao.kill();
			await bao.start();
		},
		async () => {
			await database.postgres?.kill();
			await database.postgres?.start();
		},
		() => killReplica(1),
	];
	const ready = async (): Promise<boolean> => {
		const answers = await Promise.all([0, 1].map((one) => send(one, 'GET', '/readyz', undefined, 'ready')));
		return answers.every(({ status }) => status === 200);
	};
	await Promise.all([startReplica(0), startReplica(1)]);
	for (const name of DEPLOYMENTS) {
		const made = await send(0, 'POST', '/api/deployments', { name, org: 'acme' }, `make-${name}`);
		if (made.status !== 201) throw new Error(made.text);
	}
	return {
		send,
		strike: async (number) => {
			await faults[number % faults.length]?.();
			await until('both replicas to be ready', ready);
		},
		restart: async () => {
			for (const replica of [0, 1])
				await end(replica, async ({ process }) => void (await process.stop(20_000)));
			await startReplica(0);
		},
		settle: async () => {
			const journals = () => bao.request('GET', 'secret/metadata/templates/_typed?list=true');
			const areGone = async (): Promise<boolean> => (await journals()).status === 404;
			await until('no typed secret to be unfinished', areGone, { timeoutMs: 300_000, everyMs: 500 });
		},
		logged: async () => {
			const texts = await Promise.all([0, 1].map((replica) => readFile(logFile(replica), 'utf8')));
			return texts.flatMap((text) => text.split('\n').flatMap(lineOf));
		},
		load: async (lines) => {
			for (let at = 0; at < lines.length; at += 500) {
				const body = { lines: lines.slice(at, at + 500) };
				const loaded = await sendAs(platform.key)(0, 'POST', '/api/audit', body, `load-${at}`);
				if (loaded.status !== 200) throw new Error(loaded.text);
			}
		},
		stored: () => storedLines(database),
		inVault: () => readVault(bao, send),
		[Symbol.asyncDispose]: async () => {
			for (const replica of replicas) await replica?.[Symbol.asyncDispose]();
			await database[Symbol.asyncDispose]();
			await bao.stop();
			await place.remove();
		},
	};
}

function lineOf(text: string): readonly HistoryLine[] {
	if (text === '') return [];
	const { type: _, ...line } = JSON.parse(text) as HistoryLine & { type: string };
	return [line];
}

async function storedLines({ postgres }: AuditDatabaseUnderTest): Promise<readonly HistoryLine[]> {
	const rows = (await postgres?.sql('select replica, sequence from audit_entries', 'audit')) ?? [];
	return rows.map(({ replica, sequence }) => ({
		...({ replica: String(replica), sequence: Number(sequence) } as HistoryLine),
	}));
}

type InVault = Awaited<ReturnType<World['inVault']>>;

/** Reads OpenBao before and after the lists until nothing changed in between: replicas undo creations. */
async function readVault(bao: OpenBao, send: World['send']): Promise<InVault> {
	const before = await readPlaces(bao, new Set());
	const read = await readPlaces(bao, await incompleteKeys(send));
	const valuesOf = ({ final }: InVault) => JSON.stringify([...final].map(([, { values }]) => values));
	return valuesOf(before) === valuesOf(read) ? read : await readVault(bao, send);
}

async function readPlaces(bao: OpenBao, incomplete: ReadonlySet<string>): Promise<InVault> {
	const final = new Map<string, FinalState>();
	const written = new Set<string>();
	for (const at of PLACES) {
		const folder = `deployments/${at.deployment}/${at.service === '' ? '' : `services/${at.service}/`}secrets`;
		const keys = at.typed ? [`${at.key}_USERNAME`, `${at.key}_PASSWORD`] : [at.key];
		const found = await Promise.all(keys.map((one) => versionsAt(bao, `${folder}/${one}`)));
		for (const value of found.flatMap(({ all }) => all)) written.add(value);
		const values = found.flatMap(({ current }) => current ?? []);
		// One key of two is half a secret as well.
		const half = values.length > 0 && values.length < keys.length ? [...values, 'nothing'] : values;
		final.set(at.name, {
			values: half.length === 0 ? undefined : half,
			incomplete: keys.some((one) => incomplete.has(`${at.deployment} ${one}`)),
		});
	}
	return { final, written };
}

/** `deployment KEY` of what the lists call incomplete. */
async function incompleteKeys(send: World['send']): Promise<ReadonlySet<string>> {
	const incomplete = new Set<string>();
	for (const deployment of DEPLOYMENTS) {
		const answer = await send(0, 'GET', `/api/secrets?deployment=${deployment}`, undefined, 'final');
		// The deleted one is not theirs any more.
		if (answer.status === 403) continue;
		if (answer.status !== 200) throw new Error(answer.text);
		for (const one of answer.json as Record<string, unknown>[])
			if (one['incomplete'] !== undefined) incomplete.add(`${deployment} ${String(one['key'])}`);
	}
	return incomplete;
}

async function versionsAt(
	bao: OpenBao,
	path: string,
): Promise<{ current: string | undefined; all: readonly string[] }> {
	const metadata = await bao.request('GET', `secret/metadata/${path}`);
	if (metadata.status === 404) return { current: undefined, all: [] };
	const { versions } = (metadata.json as { data: { versions: Record<string, unknown> } }).data;
	const read = async (query: string): Promise<readonly string[]> => {
		const answer = await bao.request('GET', `secret/data/${path}${query}`);
		if (answer.status !== 200) return [];
		const { value } = (answer.json as { data: { data: { value: string } } }).data.data;
		// Both keys of a typed secret hold the name of the call that wrote them.
		return [value.replace(/^[up]-/, '')];
	};
	const all = await Promise.all(Object.keys(versions).map((version) => read(`?version=${version}`)));
	return { current: (await read(''))[0], all: all.flat() };
}
