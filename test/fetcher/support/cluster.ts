import type { OpenBao } from '../../support/openbao.ts';
import { joinOpenBao, type Member } from '../../support/openbao-cluster.ts';
import { type Backend, startReal } from './backends.ts';

/** Three nodes that share their storage by raft: the active one, and two that stand by, each in its way. */
export interface Cluster extends AsyncDisposable {
	readonly active: Backend & OpenBao;
	/** Answers reads itself, from its copy: what OpenBao does unless told otherwise. */
	readonly reading: Member;
	/** Passes everything on to the active node: what Vault does, and OpenBao with `disable_standby_reads`. */
	readonly passing: Member;
}

/** Starts a cluster; `fill` writes its secrets. */
export async function startCluster(fill: (vault: Backend) => Promise<void>): Promise<Cluster> {
	const active = await startReal({ durable: true });
	const members: Member[] = [];
	const end = async (): Promise<void> => {
		await Promise.all([...members, active].map((one) => one[Symbol.asyncDispose]()));
	};
	try {
		await fill(active);
		const reading = await joinOpenBao(active, 'reading');
		members.push(reading);
		const passing = await joinOpenBao(active, 'passing', { activeReads: true });
		members.push(passing);
		return { active, reading, passing, [Symbol.asyncDispose]: end };
	} catch (thrown) {
		await end();
		throw thrown;
	}
}
