import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { err, ok, type Result } from '../../contract/result.ts';
import type { KubernetesClient } from './client.ts';
import { type ElectionTimes, type ElectionView, electionStep, type LeaseSpec, viewAfter } from './lease.ts';

/** The Lease of a program, and the name of this replica. */
export interface Candidate {
	readonly namespace: string;
	readonly lease: string;
	/** Unique among replicas, also after a restart. */
	readonly identity: string;
	readonly times?: ElectionTimes;
}

/** A candidate that takes part in the election. */
export interface Election {
	/** Resolves when this replica leads; rejects never. */
	readonly elected: Promise<void>;
	/** Resolves when it leads no longer: its Lease was taken, or could not be renewed in time. */
	readonly lost: Promise<void>;
	isLeader(): boolean;
	/** Leaves the election, and gives the Lease back so that another replica leads at once. */
	release(): Promise<void>;
}

const TIMES: ElectionTimes = { duration: 15_000, retry: 2_000 };

interface Lease {
	readonly metadata: { readonly resourceVersion?: string };
	readonly spec?: LeaseSpec;
}

/**
 * Takes part in an election by a Lease (Kubernetes documentation, "Leases"). A leader that cannot renew stops
 * to lead before another replica may begin. Every write has the resource version as precondition.
 */
export function joinElection(client: KubernetesClient, candidate: Candidate, log: Logger): Election {
	const { identity, times = TIMES } = candidate;
	const elected = Promise.withResolvers<void>();
	const lost = Promise.withResolvers<void>();
	const leaving = new AbortController();
	let renewedAt = Number.NEGATIVE_INFINITY;
	let leads = false;
	const isLeader = (): boolean => leads && performance.now() - renewedAt < times.duration * LEAD_SHARE;

	const lose = (problem: string): void => {
		log.error({ problem }, 'no longer the leader');
		leads = false;
		leaving.abort();
		lost.resolve();
	};
	const lead = (since: number): void => {
		renewedAt = since;
		if (leads) return;
		log.info({ identity }, 'leading');
		leads = true;
		elected.resolve();
	};
	const take = async (view: ElectionView | undefined): Promise<ElectionView | undefined> => {
		// From before the request: the Lease may have been renewed at any time since.
		const began = performance.now();
		const step = await attempt(client, candidate, times, view, leaving.signal);
		if (!step.ok) {
			if (leads && !isLeader()) lose(step.error);
			else log.debug({ problem: step.error }, 'the Lease could not be read or written');
			return view;
		}
		if (step.value.held) lead(began);
		else if (leads) lose('another replica holds the Lease');
		return step.value.view;
	};
	const run = async (): Promise<void> => {
		let view: ElectionView | undefined;
		while (!leaving.signal.aborted) {
			view = await take(view);
			// Candidates that began together do not stay together.
			const pause = times.retry * (0.8 + 0.4 * Math.random());
			await sleep(pause, undefined, { signal: leaving.signal }).catch(() => undefined);
		}
	};
	const running = run();
	return {
		elected: elected.promise,
		lost: lost.promise,
		isLeader,
		release: async () => {
			leaving.abort();
			await running;
			if (leads) await giveBack(client, candidate);
			leads = false;
		},
	};
}

/** A leader stops after this share of the duration without a renewal, before others may begin. */
const LEAD_SHARE = 2 / 3;

const pathOf = ({ namespace }: Candidate): string =>
	`/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`;

async function attempt(
	client: KubernetesClient,
	candidate: Candidate,
	times: ElectionTimes,
	view: ElectionView | undefined,
	signal: AbortSignal,
): Promise<Result<{ readonly held: boolean; readonly view: ElectionView }, string>> {
	const path = `${pathOf(candidate)}/${encodeURIComponent(candidate.lease)}`;
	const deadline = times.duration / 3;
	const read = await client.call<Lease>({ method: 'GET', path, deadline, signal });
	if (!read.ok && read.error.status !== 404) return err(read.error.message);
	const spec = read.ok ? (read.value.spec ?? {}) : {};
	const now = viewAfter(view, spec, performance.now());
	const step = electionStep(spec, candidate.identity, now, times, performance.now(), new Date());
	if (step.kind === 'wait') return ok({ held: false, view: now });
	const metadata = { name: candidate.lease, namespace: candidate.namespace };
	const version = read.ok ? { resourceVersion: read.value.metadata.resourceVersion } : {};
	const body = {
		...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', spec: step.spec },
		metadata: { ...metadata, ...version },
	};
	const written = read.ok
		? await client.call<Lease>({ method: 'PUT', path, body, deadline, signal })
		: await client.call<Lease>({ method: 'POST', path: pathOf(candidate), body, deadline, signal });
	if (written.ok)
		return ok({ held: true, view: viewAfter(now, written.value.spec ?? step.spec, performance.now()) });
	// Another replica was faster.
	if (written.error.status === 409) return ok({ held: false, view: now });
	return err(written.error.message);
}

/** Milliseconds for giving the Lease back when the process ends. */
const RELEASE_TIMEOUT = 2_000;

async function giveBack(client: KubernetesClient, candidate: Candidate): Promise<void> {
	const path = `${pathOf(candidate)}/${encodeURIComponent(candidate.lease)}`;
	const read = await client.call<Lease>({ method: 'GET', path, deadline: RELEASE_TIMEOUT });
	if (!read.ok || read.value.spec?.holderIdentity !== candidate.identity) return;
	const body = { ...read.value, spec: { ...read.value.spec, holderIdentity: '' } };
	await client.call({ method: 'PUT', path, body, deadline: RELEASE_TIMEOUT });
}
