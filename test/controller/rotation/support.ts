import pino from 'pino';
import type { RunningReconciler } from '../../../controller/reconciler.ts';
import { rotationReconciler } from '../../../controller/rotation/reconciler.ts';
import type { StampedLine } from '../../../lib/audit/lines.ts';
import { stampLines } from '../../../lib/audit/stamp.ts';
import type { KubernetesClient } from '../../../lib/kubernetes/client.ts';
import { ROTATIONS } from '../../../lib/kv/rotation-index.ts';
import { createRegistry } from '../../../lib/metrics.ts';
import { openVaultClient } from '../../../lib/vault/client.ts';
import { PAUSES } from '../../../lib/vault/response.ts';
import { type ApiUnderTest, caller, startApi } from '../../api/support/api.ts';
import { vaultEnv } from '../../api/support/both.ts';
import { samplesOf } from '../../support/metrics.ts';
import { type OpenBao, startOpenBao } from '../../support/openbao.ts';
import { must } from '../../support/openbao-setup.ts';
import { makeRotationToken } from '../../support/rotation-policy.ts';
import { startTimeProxy, type TimeProxy } from '../../support/time-proxy.ts';
import { until } from '../../support/until.ts';

/** A rotation in this process, with the token of the shipped policy. */
export interface RotationUnderTest extends AsyncDisposable {
	readonly audit: readonly StampedLine[];
	/** What it logged, as text. */
	output(): string;
	metric(name: string): Promise<number | undefined>;
	/** Waits until it has looked at the index so often from now on. */
	looks(count: number): Promise<void>;
}

/** A real OpenBao behind a proxy that lets the time pass, and the API that creates secrets there. */
export interface RotationFixture extends AsyncDisposable {
	readonly bao: OpenBao;
	readonly proxy: TimeProxy;
	readonly api: ApiUnderTest;
	/** The token of the rotation. */
	readonly token: string;
	/** Creates a password of the organization; returns its id. */
	create(name: string, rotation: object | undefined, more?: object): Promise<string>;
	send(method: string, path: string, body?: object): Promise<unknown>;
	/** Removes everything from the index, so that no other secret rotates. */
	clear(): Promise<void>;
	/** The versions of a key in Vault: what was written, and what is deleted. */
	versions(name: string): Promise<readonly { readonly deleted: boolean; readonly destroyed: boolean }[]>;
	value(name: string, version?: number): Promise<string | undefined>;
	start(options?: {
		readonly perMinute?: number;
		readonly isLeader?: () => boolean;
	}): Promise<RotationUnderTest>;
}

const alice = caller('user:alice');

/** Starts everything. */
export async function rotationFixture(): Promise<RotationFixture> {
	const bao = await startOpenBao();
	const proxy = await startTimeProxy(bao);
	const { token, file: tokenFile } = await makeRotationToken(bao);
	const api = await startApi({ callers: [alice], env: { ...(await vaultEnv(bao)) } });
	const send = async (method: string, path: string, body?: object): Promise<unknown> => {
		const answer = await api.send(method, path, { as: alice, body });
		if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
		return answer.json;
	};
	const at = (part: string, name: string): string => `secret/${part}/orgs/acme/secrets/${name}`;
	return {
		...{ bao, proxy, api, token, send },
		create: async (name, rotation, more = {}) => {
			const body = { type: 'password', name, ...(rotation === undefined ? {} : { rotation }), ...more };
			const made = (await send('POST', '/api/org/secrets', body)) as { secrets: { id: string }[] };
			return made.secrets[0]?.id ?? '';
		},
		clear: async () => {
			const answer = await bao.request('GET', `secret/metadata/${ROTATIONS}?list=true`);
			const { data } = answer.json as { data?: { keys: readonly string[] } };
			for (const name of data?.keys ?? []) await must(bao, 'DELETE', `secret/metadata/${ROTATIONS}/${name}`);
		},
		versions: async (name) => {
			const { data } = (await must(bao, 'GET', at('metadata', name))) as {
				data: { versions: Record<string, { deletion_time: string; destroyed: boolean }> };
			};
			return Object.values(data.versions).map((one) => ({
				deleted: one.deletion_time !== '',
				destroyed: one.destroyed,
			}));
		},
		value: async (name, version = 0) => {
			const answer = await bao.request('GET', `${at('data', name)}?version=${version}`);
			return (answer.json as { data?: { data?: { value?: string } } }).data?.data?.value;
		},
		start: async ({ perMinute = 6_000, isLeader = () => true } = {}) => {
			const audit: StampedLine[] = [];
			const lines: string[] = [];
			const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
			const registry = createRegistry();
			const client = openVaultClient(
				{ address: proxy.addr, ca: bao.caPem, tlsName: undefined, namespace: undefined, timeout: 10_000 },
				{ pauses: PAUSES },
			);
			const ask = () => Promise.reject(new Error('the rotation has a token of its own'));
			const reconciler = rotationReconciler(
				{
					// It needs no API server.
					client: undefined as unknown as KubernetesClient,
					vault: { client, ask, namespace: undefined, mount: 'secret' },
					...{ fieldManager: '', registry, log, isLeader },
				},
				{ period: 50, perMinute, login: { kind: 'token-file', file: tokenFile } },
				stampLines((line) => void audit.push(line), 'test'),
			);
			const running: RunningReconciler = await reconciler.start();
			const metric = async (name: string) => samplesOf(await registry.text()).get(name);
			return {
				audit,
				metric,
				output: () => lines.join(''),
				looks: async (count) => {
					const list = (): number => proxy.seen().filter((step) => /rotations\/?\?list/.test(step)).length;
					const before = list();
					await until(`${count} looks`, () => list() > before + count, { everyMs: 10 });
				},
				[Symbol.asyncDispose]: async () => {
					await running.close();
					client.close();
				},
			};
		},
		[Symbol.asyncDispose]: async () => {
			await api[Symbol.asyncDispose]();
			await proxy[Symbol.asyncDispose]();
			await bao.stop();
		},
	};
}
