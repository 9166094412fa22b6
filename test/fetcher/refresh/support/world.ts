import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { OpenBao } from '../../../support/openbao.ts';
import { putSecret, writePolicy, writeRole } from '../../../support/openbao-setup.ts';
import type { RunningProcess } from '../../../support/process.ts';
import { type Authority, makeAuthority } from '../../../support/tls.ts';
import { type UntilOptions, until } from '../../../support/until.ts';
import { type Backend, startReal } from '../../support/backends.ts';
import {
	buildFetcher,
	type LogLine,
	logOf,
	makePod,
	type Pod,
	runFetcher,
	startFetcher,
} from '../../support/fetcher.ts';
import { openSwitch, type Switch } from './switch.ts';

/** The shortest period, in seconds. A check comes after 8 to 12 s, the first one at any time before. */
const PERIOD = '10';

/** Time for some checks on a busy machine. */
export const SOME_CHECKS: UntilOptions = { timeoutMs: 100_000 };

/** What every value in Vault contains, and no log may. */
const CANARY = 'only-in-vault-4711';

/** The executable, a real OpenBao, and a CA for what stands in front of it. */
export interface Ground extends AsyncDisposable {
	readonly fetcher: string;
	readonly vault: Backend & OpenBao;
	readonly authority: Authority;
}

/** Starts what all worlds of a test file share. */
export async function startGround(): Promise<Ground> {
	const [fetcher, vault, authority] = await Promise.all([buildFetcher(), startReal(), makeAuthority()]);
	return { fetcher, vault, authority, [Symbol.asyncDispose]: () => vault[Symbol.asyncDispose]() };
}

/** A pod with a deployment, a role and a policy of its own in Vault, and an address of Vault of its own. */
export interface World extends AsyncDisposable {
	readonly ground: Ground;
	readonly vault: Backend & OpenBao;
	readonly pod: Pod;
	readonly privateDir: string;
	/** What its containers are told, besides the mode. */
	readonly env: Readonly<Record<string, string>>;
	/** Leads to Vault until a fault is put in its place. */
	readonly address: Switch;
	/** The name of the deployment, the role and the policy. */
	readonly name: string;
	/** The policy as it was at first. */
	readonly policy: string;
	/** Its role as it was at first. */
	readonly role: object;
	/** The path of a key in the deployment’s or the service’s tier, within the KV mount. */
	path(key: string, tier?: 'deployment' | 'service'): string;
	put(key: string, value: string, tier?: 'deployment' | 'service'): Promise<void>;
	/** Runs the init container. */
	fetch(more?: Readonly<Record<string, string>>): Promise<void>;
	/** Starts the sidecar; stops an earlier one. */
	start(options?: {
		readonly env?: Readonly<Record<string, string>>;
		readonly launcher?: readonly string[];
	}): Promise<RunningProcess>;
	/** The log of the running sidecar. */
	log(): readonly LogLine[];
	/** The lines of the log that contain a text. */
	logged(text: string | RegExp): readonly LogLine[];
	/** The keys and values of the current files, without the canary. */
	files(): Readonly<Record<string, string>>;
	/** Waits until the current files are these. */
	untilFiles(expected: Readonly<Record<string, string>>): Promise<void>;
	state(): { readonly token?: { readonly value: string }; readonly [field: string]: unknown };
}

/** What a world is to differ in. */
export interface WorldOptions {
	/** Another Vault than the shared one. */
	readonly vault?: Backend & OpenBao;
	/** Whether one request shows the versions of a tier. */
	readonly details?: boolean;
	/** Of the role’s tokens, such as `60s`. */
	readonly tokenTtl?: string;
	readonly mount?: string;
}

/** Makes a world: LEVEL in both tiers, OTHER in the service’s. */
export async function makeWorld(ground: Ground, options: WorldOptions = {}): Promise<World> {
	const { vault = ground.vault, details = false, tokenTtl = '10m', mount = 'secret' } = options;
	const name = `world-${randomUUID().slice(0, 8)}`;
	const folder = `deployments/${name}`;
	const policy = JSON.stringify({
		path: {
			[`${mount}/metadata/${folder}/*`]: { capabilities: ['list'] },
			[`${mount}/data/${folder}/*`]: { capabilities: ['read'] },
			...(details ? { [`${mount}/detailed-metadata/${folder}/*`]: { capabilities: ['list'] } } : {}),
		},
	});
	const role = {
		...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'], token_policies: [name] },
		...{ bound_subject: 'system:serviceaccount:shop:web', token_ttl: tokenTtl },
	};
	await writePolicy(vault, name, policy);
	await writeRole(vault, 'jwt', name, role);
	const path: World['path'] = (key, tier = 'service') =>
		tier === 'service' ? `${folder}/services/web/secrets/${key}` : `${folder}/secrets/${key}`;
	const put: World['put'] = (key, value, tier) =>
		putSecret(vault, path(key, tier), `${CANARY} ${value}`, { mount });
	await put('LEVEL', 'deployment-1', 'deployment');
	await put('LEVEL', 'service-1');
	await put('OTHER', 'other-1');

	const pod = await makePod(vault.jwt());
	const privateDir = join(pod.scratch.dir, 'private');
	mkdirSync(privateDir, { mode: 0o700 });
	const address = await openSwitch(Number(new URL(vault.addr).port));
	const common = {
		ENVTIER_VAULT_ADDR: `https://127.0.0.1:${address.port}`,
		ENVTIER_VAULT_CA: `${vault.caPem}${ground.authority.certPem}`,
		ENVTIER_VAULT_AUTH_MOUNT: 'jwt',
		ENVTIER_VAULT_KV_MOUNT: mount,
		ENVTIER_VAULT_ROLE: name,
		ENVTIER_DEPLOYMENT: name,
		ENVTIER_SERVICE: 'web',
		ENVTIER_DEADLINE: '30',
		ENVTIER_FORMAT: 'shell,json,files',
		ENVTIER_PRIVATE_DIR: privateDir,
		ENVTIER_REFRESH: PERIOD,
		ENVTIER_LOG_LEVEL: 'debug',
	};
	let sidecar: RunningProcess | undefined;
	let said = '';
	const stop = async (): Promise<void> => {
		said += sidecar?.output() ?? '';
		await sidecar?.stop(0);
		sidecar = undefined;
	};
	const log = (): readonly LogLine[] => (sidecar === undefined ? [] : logOf(sidecar));
	const files = (): Readonly<Record<string, string>> => {
		// One directory, resolved once, so that all of it is of one generation.
		const current = realpathSync(join(pod.out, '..data'));
		const found: Record<string, string> = JSON.parse(readFileSync(join(current, 'env.json'), 'utf8'));
		for (const [key, value] of Object.entries(found))
			expect(readFileSync(join(current, 'files', key), 'utf8')).toBe(value);
		return Object.fromEntries(
			Object.entries(found).map(([key, value]) => [key, value.replace(`${CANARY} `, '')]),
		);
	};
	return {
		env: common,
		...{ ground, vault, pod, privateDir, address, name, policy, role, path, put, log, files },
		fetch: async (more = {}) => {
			const run = await runFetcher(ground.fetcher, pod, { ...common, ...more, ENVTIER_MODE: 'initial' });
			expect(run.code, run.stdout + run.stderr).toBe(0);
		},
		start: async ({ env = {}, launcher = [] } = {}) => {
			await stop();
			const all = { PATH: process.env['PATH'], ...common, ...env, ENVTIER_MODE: 'refresh' };
			sidecar = await startFetcher(ground.fetcher, pod, all, { launcher });
			return sidecar;
		},
		logged: (text) =>
			log().filter(({ msg }) => (typeof text === 'string' ? msg.includes(text) : text.test(msg))),
		untilFiles: async (expected) => {
			let last: unknown;
			await until(
				`the files to be ${JSON.stringify(expected)}`,
				() => {
					last = files();
					return JSON.stringify(last) === JSON.stringify(expected);
				},
				SOME_CHECKS,
			).catch((thrown: unknown) => {
				const log = sidecar?.output().split('\n').slice(-12).join('\n');
				throw new Error(`${String(thrown)}; they are ${JSON.stringify(last)}\n${log}`);
			});
		},
		state: () => JSON.parse(readFileSync(join(privateDir, 'state.json'), 'utf8')),
		[Symbol.asyncDispose]: async () => {
			await stop();
			await address[Symbol.asyncDispose]();
			await pod.scratch.remove();
			expect(said).not.toContain(CANARY);
			expect(said).not.toMatch(/\b[sb]\.[A-Za-z0-9]{20,}|\beyJ/);
		},
	};
}
