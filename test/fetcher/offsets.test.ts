import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLog } from '../../fetcher/log.ts';
import { run } from '../../fetcher/run.ts';
import { readSettings } from '../../fetcher/settings.ts';
import { startTcpProxy, type TcpFault, type TcpProxy } from '../support/fault-proxy.ts';
import { putSecret } from '../support/openbao-setup.ts';
import { type Backend, startReal, vaultEnv } from './support/backends.ts';
import { makePod, type Pod } from './support/fetcher.ts';

const CONTENT = "export A='1'\nexport B='2'\n";

let vault: Backend;
let proxy: TcpProxy;
let pod: Pod;

beforeAll(async () => {
	vault = await startReal();
	await putSecret(vault, 'orgs/acme/secrets/A', '1');
	await putSecret(vault, 'deployments/shop/secrets/B', '2');
	proxy = await startTcpProxy(Number(new URL(vault.addr).port));
});
afterAll(async () => {
	await proxy[Symbol.asyncDispose]();
	await vault[Symbol.asyncDispose]();
});

/** One fetch in this process. */
async function fetch(): Promise<void> {
	const env = { ...pod.env, ...vaultEnv(vault), ENVTIER_VAULT_ADDR: `https://127.0.0.1:${proxy.port}` };
	const settings = readSettings({ ...env, ENVTIER_DEADLINE: '60' });
	if (!settings.ok) throw new Error(settings.error.join('\n'));
	const stopped = new Promise<never>(() => undefined);
	await run({ settings: settings.value, log: openLog('silent'), stopped });
}

/** How many bytes the server sends in a fetch. */
async function wholeAnswer(): Promise<number> {
	const before = proxy.received();
	await fetch();
	return proxy.received() - before;
}

test.each(['reset', 'end'] as const)(
	'a first connection that is cut (%s) anywhere: the fetch heals, and gives the same',
	async (kind) => {
		pod = await makePod(vault.jwt());
		proxy.setFault(() => ({ kind: 'pass' }));
		const bytes = await wholeAnswer();
		expect(bytes).toBeGreaterThan(3_000);
		// Every byte of the beginning of each kind of message would take minutes; steps without a common factor see them all.
		for (let after = 0; after < bytes; after += 47) {
			const first = proxy.connections() + 1;
			proxy.setFault((number): TcpFault => (number === first ? { kind, after } : { kind: 'pass' }));
			await fetch();
			expect({ after, files: pod.files() }).toEqual({ after, files: { env: CONTENT } });
		}
		await pod.scratch.remove();
	},
	180_000,
);
