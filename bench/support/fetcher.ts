import { join } from 'node:path';

/** The executable that `make build` creates and the image starts. */
export const EXECUTABLE = join(import.meta.dirname, '../../dist/fetcher');

/** Input of a fetcher. */
interface FetcherPlace {
	readonly deployment: string;
	readonly tokenFile: string;
	readonly out: string;
	/** The server, or a proxy in front of it. */
	readonly addr: string;
}

/** The environment of a fetcher of three tiers. */
export function fetcherEnv(
	vault: { readonly caPem: string },
	{ deployment, tokenFile, out, addr }: FetcherPlace,
) {
	return {
		ENVTIER_VAULT_ADDR: addr,
		ENVTIER_VAULT_CA: vault.caPem,
		ENVTIER_VAULT_AUTH_MOUNT: 'jwt',
		ENVTIER_VAULT_ROLE: 'web',
		ENVTIER_TOKEN_FILE: tokenFile,
		ENVTIER_ORG: deployment,
		ENVTIER_DEPLOYMENT: deployment,
		ENVTIER_SERVICE: 'web',
		ENVTIER_OUT: out,
		ENVTIER_TERMINATION_LOG: join(out, 'none'),
	};
}
