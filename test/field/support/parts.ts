import { admit } from '../../../webhook/admission/admit.ts';
import { type FaultFixture, startFaultFixture } from '../../fetcher/faults/fault.ts';
import { vaultEnv } from '../../fetcher/support/backends.ts';
import { makePod, type Run, runFetcher } from '../../fetcher/support/fetcher.ts';
import { podOf } from '../../webhook/support/pods.ts';
import { request } from '../../webhook/support/request.ts';
import { settings } from '../../webhook/support/settings.ts';

/**
 * A built fetcher, a real OpenBao with two keys in the tiers of organization acme and deployment shop, and a
 * CA.
 */
export type Parts = FaultFixture;

/** Starts what the rows of a table share. */
export const startParts = startFaultFixture;

/** What differs from a fetch that ends well. */
export interface FetchOptions {
	readonly env?: Readonly<Record<string, string>>;
	/** Replace claims of the pod's token. */
	readonly claims?: Readonly<Record<string, unknown>>;
	/** A program that runs the fetcher. */
	readonly launcher?: readonly string[];
}

/** Runs the fetcher against the OpenBao, as in a pod of deployment shop and service web. */
export async function fetchIn(parts: Parts, options: FetchOptions = {}): Promise<Run> {
	const { env = {}, claims = {}, launcher = [] } = options;
	const pod = await makePod(parts.vault.jwt(claims));
	const run = await runFetcher(parts.file, pod, { ...vaultEnv(parts.vault), ...env }, { launcher });
	await pod.scratch.remove();
	return run;
}

/** The termination message of a fetch, which `kubectl describe pod` shows. */
export async function described(parts: Parts, options: FetchOptions = {}): Promise<string> {
	return (await fetchIn(parts, options)).message;
}

/** The messages of the log, which `kubectl logs` shows. */
export async function logged(parts: Parts, options: FetchOptions = {}): Promise<string> {
	return (await fetchIn(parts, options)).log.map(({ msg }) => msg).join('\n');
}

/** What `kubectl apply` prints of a pod with these annotations: why it is refused, or the warnings. */
export function applied(
	annotations: Readonly<Record<string, string>>,
	spec: Parameters<typeof podOf>[1] = {},
): string {
	const decision = admit(request(podOf(annotations, spec)), settings().injection);
	if (decision.kind === 'reject') return decision.message;
	return decision.kind === 'inject' ? ['injected', ...decision.warnings].join('\n') : decision.kind;
}
