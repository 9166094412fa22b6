import { listen, type OpenBao, type OpenBaoOptions, type VaultApi, vaultApi } from './openbao.ts';
import { scratch } from './scratch.ts';
import { until } from './until.ts';

/** A member of a cluster besides the first. */
export interface Member extends VaultApi, AsyncDisposable {
	readonly addr: string;
	readonly caPem: string;
	/** Starts it again, sealed: a standby that forwards all requests cannot be sealed otherwise. */
	restart(): Promise<void>;
	/** Unseals it; it then stands by for the active one. */
	unseal(): Promise<void>;
}

/** What `sys/health` says of a node that is neither active nor sealed. */
const STANDBY = 429;

/**
 * Starts another member of the cluster of a `durable` OpenBao, with a certificate of the same CA. It is
 * always a standby: it has no vote, so the first one stays active without it.
 *
 * @param node its name in the cluster
 */
export async function joinOpenBao(
	first: OpenBao,
	node: string,
	options: Pick<OpenBaoOptions, 'activeReads'> = {},
): Promise<Member> {
	const files = await scratch('bao');
	const member = { node, join: first.addr };
	const started = await listen(
		first.binary,
		files.dir,
		first.authority,
		{ ...options, durable: true },
		member,
	);
	const { addr } = started;
	let { process } = started;
	const { caPem, rootToken } = first;
	const { request } = vaultApi({ addr, caPem, rootToken });
	const health = async (): Promise<number> => (await request('GET', 'sys/health')).status;
	const end = async (): Promise<void> => {
		await process.stop();
		await files.remove();
	};
	const unseal = (): Promise<boolean> =>
		until('a member to join and to stand by', async () => {
			if ((await health()) === STANDBY) return true;
			// Refused until it has heard from the cluster.
			await request('PUT', 'sys/unseal', { body: { key: first.unsealKey } });
			return (await health()) === STANDBY;
		});
	try {
		await unseal();
	} catch (thrown) {
		await end();
		throw thrown;
	}
	return {
		...{ addr, caPem, rootToken, request },
		restart: async () => {
			await process.stop(0);
			process = await started.again();
		},
		unseal: async () => void (await unseal()),
		[Symbol.asyncDispose]: end,
	};
}
