import { type OpenBao, startOpenBao, type VaultAccess, type VaultApi } from '../../support/openbao.ts';
import { createNamespace } from '../../support/openbao-setup.ts';
import { type ApiOptions, type ApiUnderTest, startApi } from './api.ts';
import { apiToken } from './stores.ts';

/** The API on one of its stores. */
export interface OnStore extends AsyncDisposable {
	readonly api: ApiUnderTest;
	readonly bao: OpenBao | undefined;
}

/** The variables that lead the API to an OpenBao, with the shipped policy alone. */
export async function vaultEnv(
	bao: VaultApi & VaultAccess,
	namespace?: string,
): Promise<Record<string, string>> {
	return {
		ENVTIER_VAULT_ADDR: bao.addr,
		ENVTIER_VAULT_CA: bao.caPem,
		ENVTIER_API_VAULT_TOKEN: await apiToken(bao, namespace),
		...(namespace === undefined ? {} : { ENVTIER_VAULT_NAMESPACE: namespace }),
	};
}

/** Starts the API on an OpenBao of its own. */
export async function onVault(options: ApiOptions, namespace?: string): Promise<OnStore> {
	const bao = await startOpenBao();
	try {
		if (namespace !== undefined) await createNamespace(bao, namespace);
		const api = await startApi({
			...options,
			env: { ...(await vaultEnv(bao, namespace)), ...options.env },
		});
		return {
			api,
			bao,
			[Symbol.asyncDispose]: async () => {
				await api[Symbol.asyncDispose]();
				await bao.stop();
			},
		};
	} catch (thrown) {
		await bao.stop();
		throw thrown;
	}
}

async function onMemory(options: ApiOptions): Promise<OnStore> {
	const api = await startApi(options);
	return { api, bao: undefined, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() };
}

/** The API on each of its stores: the same tests run on all. */
export const STORES: Readonly<Record<string, (options: ApiOptions) => Promise<OnStore>>> = {
	memory: onMemory,
	'vault (a real OpenBao, the shipped policy)': (options) => onVault(options),
	'vault behind a namespace': (options) => onVault(options, 'team-a'),
};
