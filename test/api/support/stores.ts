import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pino from 'pino';
import { createMemoryStore } from '../../../api/store/memory.ts';
import type { Store } from '../../../api/store/store.ts';
import { createVaultStore } from '../../../api/store/vault.ts';
import { openVaultClient } from '../../../lib/vault/client.ts';
import { PAUSES } from '../../../lib/vault/response.ts';
import { openSession } from '../../../lib/vault/session.ts';
import { type OpenBao, startOpenBao, type VaultApi } from '../../support/openbao.ts';
import { createNamespace, createToken, writePolicy } from '../../support/openbao-setup.ts';

/** A store to test on, and what a test looks through to see what really is in it. */
export interface StoreUnderTest extends AsyncDisposable {
	readonly store: Store;
	/** The server behind it; undefined for the memory store. */
	readonly bao: OpenBao | undefined;
}

/** The policy as it ships. */
export function shippedPolicy(): Promise<string> {
	return readFile(join(import.meta.dirname, '../../../deploy/vault/api-policy.hcl'), 'utf8');
}

/** A token that has the shipped policy and nothing else of ours. */
export async function apiToken(vault: VaultApi, namespace?: string): Promise<string> {
	const place = namespace === undefined ? {} : { namespace };
	await writePolicy(vault, 'envtier-api', await shippedPolicy(), place);
	return createToken(vault, ['envtier-api'], place);
}

/** Opens the store of an OpenBao as the API does. */
export function vaultStore(
	bao: Pick<OpenBao, 'addr' | 'caPem'>,
	token: string,
	namespace?: string,
): { store: Store; close: () => void } {
	const log = pino({ level: 'silent' });
	const endpoint = { address: bao.addr, ca: bao.caPem, tlsName: undefined, namespace, timeout: 10_000 };
	const client = openVaultClient(endpoint, { pauses: PAUSES });
	const session = openSession(client, { kind: 'token', token }, log);
	const store = createVaultStore({ client, session, mount: 'secret', observe: () => undefined });
	return {
		store,
		close: () => {
			session.close();
			client.close();
		},
	};
}

/** Every way of keeping secrets, each with the shipped policy where there is one. */
export const BACKENDS: Readonly<Record<string, () => Promise<StoreUnderTest>>> = {
	memory: () =>
		Promise.resolve({
			store: createMemoryStore(),
			bao: undefined,
			[Symbol.asyncDispose]: () => Promise.resolve(),
		}),
	'vault (a real OpenBao, the shipped policy)': () => onOpenBao(),
	'vault behind a namespace': () => onOpenBao('team-a'),
};

async function onOpenBao(namespace?: string): Promise<StoreUnderTest> {
	const bao = await startOpenBao();
	try {
		if (namespace !== undefined) await createNamespace(bao, namespace);
		const opened = vaultStore(bao, await apiToken(bao, namespace), namespace);
		return {
			store: opened.store,
			bao,
			[Symbol.asyncDispose]: async () => {
				opened.close();
				await bao.stop();
			},
		};
	} catch (thrown) {
		await bao.stop();
		throw thrown;
	}
}
