import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { err, ok, type Result } from '../../../contract/result.ts';
import type { ServingCertificate } from '../../../lib/tls/certificate-source.ts';
import { type SignedLeaf, shouldAdopt } from './adoption.ts';
import { applyAction } from './apply.ts';
import type { CertificateObjects, ObservedObjects, WriteResult } from './cluster.ts';
import { decide, type ReconcileStep, type RotationPolicy, type SecretAction } from './decide.ts';
import type { ObservedWebhookConfiguration } from './objects.ts';
import { NO_OBSERVATIONS, type Observations, observe } from './observations.ts';
import { type DecodedSecret, decodeSecret } from './secret-codec.ts';
import { trusts } from './state.ts';

/** Dependencies of the reconciler. */
export interface ReconcilerContext {
	readonly objects: CertificateObjects;
	/** DNS names and addresses that the serving certificate must have. */
	readonly names: readonly string[];
	readonly policy: RotationPolicy;
	/** Called with every new certificate to serve. */
	readonly onServingCertificate: (pair: ServingCertificate) => void;
	readonly log: Logger;
}

/** Reconciles the certificates for one replica. */
export interface Reconciler {
	/** The current problem, if there is one. */
	problem(): string | undefined;
	/** Reconciles soon, because something may have changed. */
	wake(): void;
	close(): void;
}

/** Milliseconds between checks until the first lists have arrived. */
const FIRST_LOOKS = 100;
/**
 * Milliseconds after a write or a failure. Other replicas write as well, and another program may revert our
 * writes.
 */
const PAUSES = { written: 250, first: 500, most: 30_000 } as const;

const DONE: Readonly<Record<SecretAction, string>> = {
	prepare: 'created the next CA; it signs nothing until it is trusted',
	promote: 'promoted the next CA; it signed the serving certificate',
	renew: 'renewed the serving certificate',
	tidy: 'removed retired CAs whose certificates have expired',
};

/**
 * Starts to reconcile the Secret and the webhook configuration until it is closed: observe, decide, write,
 * then wait for a change or for the next deadline.
 */
export function startReconciler(parts: ReconcilerContext): Reconciler {
	const reconciler = new ReconcileLoop(parts);
	void reconciler.run();
	return reconciler;
}

class ReconcileLoop implements Reconciler {
	readonly #parts: ReconcilerContext;
	readonly #ending = new AbortController();
	#wakeUp = Promise.withResolvers<void>();
	#observations: Observations = NO_OBSERVATIONS;
	#shown: SignedLeaf | undefined;
	#problem: string | undefined = 'the API server has not answered yet';
	#loggedProblem = '';
	#failures = 0;

	constructor(parts: ReconcilerContext) {
		this.#parts = parts;
	}

	problem(): string | undefined {
		return this.#problem;
	}

	wake(): void {
		this.#wakeUp.resolve();
	}

	close(): void {
		this.#ending.abort();
		this.#wakeUp.resolve();
	}

	async run(): Promise<void> {
		const { signal } = this.#ending;
		while (!signal.aborted) {
			this.#wakeUp = Promise.withResolvers();
			const { least, most } = await this.#reconcileOnce();
			const pause = (ms: number) => sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
			await pause(least);
			await Promise.race([this.#wakeUp.promise, pause(most - least)]);
		}
	}

	/** Observes, decides and writes once. Returns the minimum and maximum time to wait. */
	async #reconcileOnce(): Promise<{ readonly least: number; readonly most: number }> {
		const observed = this.#parts.objects.observed();
		if (observed === undefined) return { least: FIRST_LOOKS, most: FIRST_LOOKS };
		const decoded = decodeSecret(observed.secret.data, this.#parts.names);
		const now = new Date();
		const view = { state: decoded.state, trust: observed.webhookConfiguration?.trust, now: now.getTime() };
		const uptime = performance.now();
		this.#observations = observe(this.#observations, view, uptime);
		this.#adopt(decoded, observed);
		const step = decide(view, this.#observations, uptime, this.#parts.policy);
		const outcome = await this.#applyStep(step, observed, decoded, now);
		this.#logProblem(outcome.ok ? decoded.problems.join('; ') : outcome.error);
		this.#problem = outcome.ok ? undefined : outcome.error;
		this.#failures = outcome.ok ? 0 : this.#failures + 1;
		if (!outcome.ok) {
			const pause = Math.min(PAUSES.most, PAUSES.first * 2 ** this.#failures);
			return { least: PAUSES.first, most: pause };
		}
		const wrote = step.secret !== undefined || step.trust !== undefined;
		return wrote
			? { least: PAUSES.written, most: 4 * PAUSES.written }
			: { least: 0, most: step.recheckAfter };
	}

	/** Logs each problem once, because most runs find the same one. */
	#logProblem(problem: string): void {
		if (problem !== '' && problem !== this.#loggedProblem)
			this.#parts.log.error({ problem }, 'certificate reconciliation failed');
		else if (problem === '' && this.#loggedProblem !== '')
			this.#parts.log.info('certificate reconciliation succeeded again');
		this.#loggedProblem = problem;
	}

	#adopt({ state, pair }: DecodedSecret, { secret, webhookConfiguration }: ObservedObjects): void {
		if (state.leaf === undefined || state.current === undefined || pair === undefined) return;
		// A certificate in a foreign Secret is used only if API servers trust it.
		if (secret.writeProblem !== undefined && !trusts(webhookConfiguration?.trust ?? [[]], state.current.id))
			return;
		const decoded = { leaf: state.leaf, caId: state.current.id };
		if (!shouldAdopt(this.#shown, decoded, webhookConfiguration?.trust, Date.now())) return;
		this.#shown = decoded;
		this.#parts.onServingCertificate(pair);
	}

	async #applyStep(
		step: ReconcileStep,
		observed: ObservedObjects,
		decoded: DecodedSecret,
		now: Date,
	): Promise<Result<unknown>> {
		const { secret, webhookConfiguration } = observed;
		if (secret.writeProblem !== undefined) return err(secret.writeProblem);
		if (step.trust !== undefined && webhookConfiguration !== undefined) {
			if (webhookConfiguration.writeProblem !== undefined) return err(webhookConfiguration.writeProblem);
			const trusted = await this.#updateTrust(step.trust, webhookConfiguration, decoded);
			if (!trusted.ok) return trusted;
		}
		return step.secret === undefined
			? ok(undefined)
			: this.#updateSecret(step.secret, observed, decoded, now);
	}

	async #updateTrust(
		wanted: NonNullable<ReconcileStep['trust']>,
		observed: ObservedWebhookConfiguration,
		{ pems }: DecodedSecret,
	): Promise<WriteResult> {
		const bundle = wanted.map(({ id }) => pems.get(id) ?? observed.pems.get(id) ?? '').join('');
		const written = await this.#parts.objects.writeBundle(observed, bundle);
		if (written.ok && written.value === 'written')
			this.#parts.log.info({ trusted: wanted.length }, 'set the caBundle of the webhook configuration');
		return written;
	}

	async #updateSecret(
		action: SecretAction,
		observed: ObservedObjects,
		decoded: DecodedSecret,
		now: Date,
	): Promise<Result<unknown>> {
		const { objects, names, policy, log } = this.#parts;
		if (action === 'promote') {
			const fresh = await objects.readWebhookConfiguration();
			if (!fresh.ok) return fresh;
			// The watch may be late, and all calls depend on this, so the current object is read.
			const id = decoded.state.next?.id ?? '';
			if (fresh.value !== undefined && !trusts(fresh.value.trust, id)) return ok(undefined);
		}
		const data = await applyAction(action, observed.secret.data, decoded, names, policy, now);
		const written = await objects.writeSecret(observed.secret, data);
		if (written.ok && written.value === 'written') log.info(DONE[action]);
		return written;
	}
}
