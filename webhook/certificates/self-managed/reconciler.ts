import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { err, ok, type Result } from '../../../contract/result.ts';
import type { Pair } from '../../../lib/tls/certificate-source.ts';
import { type Signed, takesUp } from './adoption.ts';
import { applyAction } from './apply.ts';
import type { CertificateObjects, Seen, Written } from './cluster.ts';
import { type Decision, decide, type Policy, type SecretAction } from './decide.ts';
import type { WebhookConfigurationSeen } from './objects.ts';
import { NO_OBSERVATIONS, type Observations, observe } from './observations.ts';
import { type DecodedSecret, decodeSecret } from './secret-codec.ts';
import { trusts } from './state.ts';

/** What the keeper works with. */
export interface ReconcilerContext {
	readonly objects: CertificateObjects;
	/** DNS names and addresses that the serving certificate must be for. */
	readonly names: readonly string[];
	readonly policy: Policy;
	/** Hears of every pair that is to be shown from now on. */
	readonly show: (pair: Pair) => void;
	readonly log: Logger;
}

/** What one replica does for the certificates. */
export interface Reconciler {
	/** What is in the way, if anything. */
	problem(): string | undefined;
	/** Something may have changed. */
	wake(): void;
	close(): void;
}

/** Milliseconds between looks until the first lists have come. */
const FIRST_LOOKS = 100;
/** Milliseconds after a write or a failure; others may write as well, and somebody may take back what we write again and again. */
const PAUSES = { written: 250, first: 500, most: 30_000 } as const;

const DONE: Readonly<Record<SecretAction, string>> = {
	prepare: 'made a CA, which signs nothing before it is trusted',
	promote: 'the new CA has signed the certificate',
	renew: 'renewed the certificate',
	tidy: 'forgot CAs whose certificates have ended',
};

/** Sees to Secret and webhook configuration from now on, until it is closed: looks, decides, does, and waits for a change or for the time. */
export function keep(parts: ReconcilerContext): Reconciler {
	const keeper = new Rounds(parts);
	void keeper.run();
	return keeper;
}

class Rounds implements Reconciler {
	readonly #parts: ReconcilerContext;
	readonly #ending = new AbortController();
	#woken = Promise.withResolvers<void>();
	#memory: Observations = NO_OBSERVATIONS;
	#shown: Signed | undefined;
	#problem: string | undefined = 'the API server has not been heard yet';
	#told = '';
	#failures = 0;

	constructor(parts: ReconcilerContext) {
		this.#parts = parts;
	}

	problem(): string | undefined {
		return this.#problem;
	}

	wake(): void {
		this.#woken.resolve();
	}

	close(): void {
		this.#ending.abort();
		this.#woken.resolve();
	}

	async run(): Promise<void> {
		const { signal } = this.#ending;
		while (!signal.aborted) {
			this.#woken = Promise.withResolvers();
			const { least, most } = await this.#round();
			const pause = (ms: number) => sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
			await pause(least);
			await Promise.race([this.#woken.promise, pause(most - least)]);
		}
	}

	/** One look and what follows from it; gives how long to wait, at least and at most. */
	async #round(): Promise<{ readonly least: number; readonly most: number }> {
		const seen = this.#parts.objects.seen();
		if (seen === undefined) return { least: FIRST_LOOKS, most: FIRST_LOOKS };
		const stored = decodeSecret(seen.secret.data, this.#parts.names);
		const now = new Date();
		const view = { state: stored.state, trust: seen.webhookConfiguration?.trust, now: now.getTime() };
		const uptime = performance.now();
		this.#memory = observe(this.#memory, view, uptime);
		this.#takeUp(stored, seen);
		const decision = decide(view, this.#memory, uptime, this.#parts.policy);
		const outcome = await this.#carryOut(decision, seen, stored, now);
		this.#tell(outcome.ok ? stored.problems.join('; ') : outcome.error);
		this.#problem = outcome.ok ? undefined : outcome.error;
		this.#failures = outcome.ok ? 0 : this.#failures + 1;
		if (!outcome.ok) {
			const pause = Math.min(PAUSES.most, PAUSES.first * 2 ** this.#failures);
			return { least: PAUSES.first, most: pause };
		}
		const wrote = decision.secret !== undefined || decision.trust !== undefined;
		return wrote ? { least: PAUSES.written, most: 4 * PAUSES.written } : { least: 0, most: decision.again };
	}

	/** Each problem once; most rounds find the same one. */
	#tell(problem: string): void {
		if (problem !== '' && problem !== this.#told)
			this.#parts.log.error({ problem }, 'certificates need help');
		else if (problem === '' && this.#told !== '') this.#parts.log.info('certificates are well again');
		this.#told = problem;
	}

	#takeUp({ state, pair }: DecodedSecret, { secret, webhookConfiguration }: Seen): void {
		if (state.leaf === undefined || state.current === undefined || pair === undefined) return;
		// Somebody else's is better than none only where API servers trust it.
		if (secret.foreign !== undefined && !trusts(webhookConfiguration?.trust ?? [[]], state.current.id))
			return;
		const stored = { leaf: state.leaf, caId: state.current.id };
		if (!takesUp(this.#shown, stored, webhookConfiguration?.trust, Date.now())) return;
		this.#shown = stored;
		this.#parts.show(pair);
	}

	async #carryOut(
		decision: Decision,
		seen: Seen,
		stored: DecodedSecret,
		now: Date,
	): Promise<Result<unknown>> {
		const { secret, webhookConfiguration } = seen;
		if (secret.foreign !== undefined) return err(secret.foreign);
		if (decision.trust !== undefined && webhookConfiguration !== undefined) {
			if (webhookConfiguration.foreign !== undefined) return err(webhookConfiguration.foreign);
			const trusted = await this.#trust(decision.trust, webhookConfiguration, stored);
			if (!trusted.ok) return trusted;
		}
		return decision.secret === undefined ? ok(undefined) : this.#change(decision.secret, seen, stored, now);
	}

	async #trust(
		wanted: NonNullable<Decision['trust']>,
		seen: WebhookConfigurationSeen,
		{ pems }: DecodedSecret,
	): Promise<Written> {
		const bundle = wanted.map(({ id }) => pems.get(id) ?? seen.pems.get(id) ?? '').join('');
		const written = await this.#parts.objects.writeBundle(seen, bundle);
		if (written.ok && written.value === 'written')
			this.#parts.log.info({ trusted: wanted.length }, 'set the caBundle of the webhook configuration');
		return written;
	}

	async #change(
		action: SecretAction,
		seen: Seen,
		stored: DecodedSecret,
		now: Date,
	): Promise<Result<unknown>> {
		const { objects, names, policy, log } = this.#parts;
		if (action === 'promote') {
			const fresh = await objects.readWebhookConfiguration();
			if (!fresh.ok) return fresh;
			// What a watch tells may be late, and this is what every call hangs on.
			const id = stored.state.next?.id ?? '';
			if (fresh.value !== undefined && !trusts(fresh.value.trust, id)) return ok(undefined);
		}
		const data = await applyAction(action, seen.secret.data, stored, names, policy, now);
		const written = await objects.writeSecret(seen.secret, data);
		if (written.ok && written.value === 'written') log.info(DONE[action]);
		return written;
	}
}
