import { expect } from 'vitest';
import { EXIT_CODES } from '../../../contract/exit-codes.ts';
import {
	startTcpProxy,
	type TcpFault,
	type TcpProxy,
	type TcpProxyOptions,
} from '../../support/fault-proxy.ts';
import type { OpenBao } from '../../support/openbao.ts';
import { putSecret } from '../../support/openbao-setup.ts';
import { type Script, type ScriptedOptions, startScriptedVault } from '../../support/scripted-vault.ts';
import { type Authority, makeAuthority } from '../../support/tls.ts';
import { type Backend, startReal, vaultEnv } from '../support/backends.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { buildFetcher, makePod, type Run, runFetcher } from '../support/fetcher.ts';

/** What is in Vault, and must be nowhere else unless everything went well. */
const VALUE = 'only-in-vault-4711';
/** The deadline of a run that is tried again until then. */
const SECONDS = 3;
/** The deadline of all other faults. It is long enough for slow machines. */
const PATIENCE = { ENVTIER_DEADLINE: '60' } as const;

/** What a fault must lead to. */
export interface Expected {
	/** 0: it healed, and everything was written. */
	readonly code: number;
	/** Matches the termination message. */
	readonly message?: RegExp;
	/** Whether the request, or the connection, that met the fault was made again. */
	readonly retried: boolean;
}

/** A fault that is not retryable. */
export const failsAtOnce = (code: number, message: RegExp): Expected => ({ code, message, retried: false });
/** A retryable fault that lasts beyond the deadline. */
export const failsAtDeadline = (code: number, message: RegExp): Expected => ({
	code,
	message,
	retried: true,
});
/** A fault that a retry survives. */
export const SUCCEEDS_ON_RETRY: Expected = { code: 0, retried: true };
/** A fault without effect. */
export const HARMLESS: Expected = { code: 0, retried: false };

/** Where the fetcher of one case goes, and how often it went. */
export interface FaultTarget extends AsyncDisposable {
	readonly env: Readonly<Record<string, string>>;
	/** How often the faulty request, or connection, was made. */
	tries(run: Run): number;
	/** A Vault other than the shared one, whose tokens are asked for. */
	readonly vault?: Backend;
	/** Of the pod's token; these replace what it usually says. */
	readonly claims?: Readonly<Record<string, unknown>>;
	/** A program that runs the fetcher. */
	readonly launcher?: readonly string[];
}

/** A bundle, a real OpenBao with two keys in each of two tiers, and a CA for what stands in front of it. */
export interface FaultFixture extends AsyncDisposable {
	readonly file: string;
	readonly vault: Backend & OpenBao;
	readonly authority: Authority;
	/** Several nodes, started when first asked for. */
	cluster(): Promise<Cluster>;
}

/** Starts what all cases share. */
export async function startFaultFixture(): Promise<FaultFixture> {
	const [fetcher, vault, authority] = await Promise.all([buildFetcher(), startReal(), makeAuthority()]);
	await fillTiers(vault);
	let cluster: Promise<Cluster> | undefined;
	return {
		file: fetcher,
		vault,
		authority,
		cluster: () => {
			cluster ??= startCluster(fillTiers);
			return cluster;
		},
		[Symbol.asyncDispose]: async () => {
			await (await cluster)?.[Symbol.asyncDispose]();
			await vault[Symbol.asyncDispose]();
		},
	};
}

/** Two keys in each of two tiers. */
export async function fillTiers(vault: Backend): Promise<void> {
	for (const folder of ['orgs/acme/secrets', 'deployments/shop/secrets'])
		for (const key of ['A', 'B']) await putSecret(vault, `${folder}/${key}`, VALUE);
}

/**
 * Runs the fetcher in a target and checks everything that must be true. Returns the run for further checks.
 */
export async function expectOutcome(
	fixture: Pick<FaultFixture, 'file' | 'vault'>,
	target: FaultTarget,
	{ code, message, retried }: Expected,
): Promise<Run> {
	const { vault = fixture.vault, launcher = [] } = target;
	const jwt = vault.jwt(target.claims);
	const pod = await makePod(jwt);
	// What is tried again until the deadline; all else ends by itself, whenever a busy machine comes to it.
	const deadline = retried && code !== 0 ? { ENVTIER_DEADLINE: String(SECONDS) } : PATIENCE;
	const env = { ...vaultEnv(vault), ...deadline, ...target.env };
	const run = await runFetcher(fixture.file, pod, env, { launcher });
	await target[Symbol.asyncDispose]();
	const files = pod.files();
	await pod.scratch.remove();
	expect({ code: run.code, message: run.message, stderr: run.stderr }).toEqual({
		code,
		message: code === 0 ? '' : expect.stringMatching(message ?? /^$/),
		stderr: '',
	});
	if (message !== undefined) expect(run.message).toMatch(new RegExp(`^${reasonOf(code)}: `));
	expect(files).toEqual(code === 0 ? { env: `export A='${VALUE}'\nexport B='${VALUE}'\n` } : {});
	const said = `${run.stdout}${run.stderr}${run.message}`;
	for (const secret of [VALUE, jwt, jwt.split('.')[2] ?? jwt]) expect(said).not.toContain(secret);
	expect(said).not.toMatch(/\b[sb]\.[A-Za-z0-9]{20,}/);
	expect(target.tries(run) > 1).toBe(retried);
	// By the process's own clock: how long a busy machine takes to start one says nothing about it.
	const seconds = Number(env.ENVTIER_DEADLINE);
	expect(Number(run.last?.['durationMs'])).toBeLessThan((seconds + 1) * 1_000);
	return run;
}

/** The name of an exit code. */
export function reasonOf(code: number): string {
	return Object.entries(EXIT_CODES).find(([, one]) => one.code === code)?.[0] ?? 'unknown';
}

/** Answers by a script in front of the real server; `tries` counts how often it answered the same request. */
export async function scripted(
	{ vault, authority }: { readonly vault: Pick<Backend, 'addr' | 'caPem'>; readonly authority: Authority },
	script: Script,
	options: Partial<ScriptedOptions> = {},
): Promise<FaultTarget> {
	const tries = new Map<string, number>();
	const counting: Script = async (request) => {
		const answer = await script(request);
		if (answer !== undefined) tries.set(request.path, (tries.get(request.path) ?? 0) + 1);
		return answer;
	};
	const tls = await authority.issue();
	const proxy = await startScriptedVault({ tls, upstream: vault, ...options, script: counting });
	return {
		env: { ENVTIER_VAULT_ADDR: proxy.addr, ENVTIER_VAULT_CA: authority.certPem },
		tries: () => Math.max(0, ...tries.values()),
		[Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
	};
}

/**
 * Forwards everything to the real server, with its own certificate. `tries` counts the attempts in the log.
 */
export async function served(
	{ vault, authority }: Pick<FaultFixture, 'vault' | 'authority'>,
	leaf: Parameters<Authority['issue']>[0],
	options: { readonly maxVersion?: 'TLSv1.1'; readonly trusted?: Authority; readonly plain?: true } = {},
): Promise<FaultTarget> {
	const { maxVersion, trusted = authority, plain } = options;
	const versions = maxVersion === undefined ? {} : ({ minVersion: 'TLSv1', maxVersion } as const);
	const tls = plain ? {} : { tls: { ...(await authority.issue(leaf)), ...versions } };
	const proxy = await startScriptedVault({ upstream: vault, script: () => undefined, ...tls });
	return {
		env: {
			ENVTIER_VAULT_ADDR: `https://127.0.0.1:${proxy.port}`,
			ENVTIER_VAULT_CA: trusted.certPem,
		},
		// A failed handshake is repeated for the older protocol, and once more for the diagnosis; not more often.
		tries: ({ log }) => {
			expect(proxy.connections()).toBeLessThanOrEqual(3);
			return 1 + log.filter(({ msg }) => msg.includes('trying again')).length;
		},
		[Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
	};
}

/** Faults of the network between the fetcher and the real server; `tries` counts connections. */
export async function wired(
	vault: Pick<Backend, 'addr'>,
	fault: (number: number) => TcpFault,
	options: TcpProxyOptions = {},
): Promise<{ readonly proxy: TcpProxy; readonly target: FaultTarget }> {
	const proxy = await startTcpProxy(Number(new URL(vault.addr).port), options);
	proxy.setFault(fault);
	const target: FaultTarget = {
		env: { ENVTIER_VAULT_ADDR: `https://127.0.0.1:${proxy.port}` },
		tries: () => proxy.connections(),
		[Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
	};
	return { proxy, target };
}

/** One thing that can be in the way, and what comes of it. */
export interface Case {
	/** As the table in the documentation says it. */
	readonly what: string;
	/** During what, where that matters. */
	readonly at?: string;
	readonly expected: Expected;
	/** Cases without it need no root. */
	readonly root?: true;
	/** Not beside others, whom it would disturb. */
	readonly alone?: true;
	/** Brings it about. */
	readonly target: (fixture: FaultFixture) => Promise<FaultTarget>;
	/** What else must hold. */
	readonly also?: (run: Run) => void;
}
