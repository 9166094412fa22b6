import { setTimeout as sleep } from 'node:timers/promises';
import { startTcpProxy } from '../../../support/fault-proxy.ts';
import { writePolicy } from '../../../support/openbao-setup.ts';
import { json, startScriptedVault } from '../../../support/scripted-vault.ts';
import type { World } from '../support/world.ts';
import type { Outage } from './checker.ts';

/** Breaks something, and gives what mends it. */
type Fault = (world: World, restart: () => Promise<void>) => Promise<() => Promise<void>>;

const realPort = ({ vault }: World): number => Number(new URL(vault.addr).port);

const FAULTS: Readonly<Record<string, Fault>> = {
	closed: async (world) => {
		await world.address.close();
		return () => world.address.lead(realPort(world));
	},
	silent: async (world) => {
		const proxy = await startTcpProxy(realPort(world));
		proxy.setFault(() => ({ kind: 'silent', after: 0 }));
		await world.address.lead(proxy.port);
		return async () => {
			await world.address.lead(realPort(world));
			await proxy[Symbol.asyncDispose]();
		};
	},
	errors: async (world) => {
		const tls = await world.ground.authority.issue();
		const answer = json(500, { errors: ['internal error'] });
		// Half of the requests, so that a check fails in the middle.
		const script = ({ number }: { number: number }) => (number % 2 === 0 ? answer : undefined);
		const proxy = await startScriptedVault({ upstream: world.vault, tls, script });
		await world.address.lead(proxy.port);
		return async () => {
			await world.address.lead(realPort(world));
			await proxy[Symbol.asyncDispose]();
		};
	},
	'no policy': async ({ vault, name, policy }) => {
		await writePolicy(vault, name, 'path "nowhere" { capabilities = ["read"] }');
		return () => writePolicy(vault, name, policy);
	},
	'revoked token': async ({ vault, state }) => {
		const token = state().token?.value;
		if (token !== undefined) await vault.request('POST', 'auth/token/revoke', { body: { token } });
		return () => Promise.resolve();
	},
	killed: async (_, restart) => {
		await restart();
		return () => Promise.resolve();
	},
};

/** Which faults come, and how often. Times are in ms. */
interface FaultOptions {
	/** The point in time after which no fault begins. */
	readonly end: number;
	/** Numbers from 0 up to but not including 1. */
	readonly random: () => number;
	/** Time between two faults, at random between these. */
	readonly pause: readonly [number, number];
	/** Time that a fault lasts at most. */
	readonly longest: number;
	/** Starts the sidecar again after SIGKILL. */
	readonly restart: () => Promise<void>;
}

/** Breaks and mends at random until the end. Returns when something was broken. */
export async function causeFaults(
	world: World,
	{ end, random, pause: [least, most], longest, restart }: FaultOptions,
): Promise<readonly Outage[]> {
	const outages: Outage[] = [];
	const faults = Object.values(FAULTS);
	while (Date.now() < end) {
		await sleep(least + random() * (most - least));
		const fault = faults[Math.floor(random() * faults.length)];
		const from = Date.now();
		const mend = await fault?.(world, restart);
		await sleep(random() * longest);
		await mend?.();
		outages.push({ from, to: Date.now() });
	}
	return outages;
}
