import type { V1Pod } from '@kubernetes/client-node';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { admit } from '../../../webhook/admission/admit.ts';
import { isAddedVolume, isFetcherName } from '../../../webhook/pod/added-names.ts';
import { askingPods } from '../support/arbitrary-pods.ts';
import { forgedPods, stripped } from '../support/forged-pods.ts';
import { ofInjection, whole } from '../support/reconciled.ts';
import { applied, request } from '../support/request.ts';
import { type Env, settings } from '../support/settings.ts';

const OLD: Env = { ENVTIER_NATIVE_ENV: 'true', ENVTIER_DEFAULT_ORG: 'acme' };
const decide = (pod: unknown, env: Env = OLD) => admit(request(pod), settings(env).injection);
const ALREADY = { kind: 'skip', reason: 'already-injected' };

describe('a pod that replicas with different settings review', () => {
	const others = fc.record({
		ENVTIER_VAULT_ADDR: fc.constantFrom('https://vault.new.svc:8200', 'https://vault.vault.svc:8200'),
		ENVTIER_DEFAULT_ORG: fc.constantFrom('acme', 'other', ''),
		ENVTIER_DEFAULT_ROLE: fc.constantFrom('{serviceAccount}', 'shared'),
		ENVTIER_DEFAULT_UID: fc.constantFrom('65532', '1001'),
		ENVTIER_TOKEN_AUDIENCE: fc.constantFrom('vault', 'openbao'),
		ENVTIER_VOLUME_SIZE: fc.constantFrom('16Mi', '1Gi'),
		ENVTIER_DEADLINE: fc.constantFrom('60', '5'),
		ENVTIER_FETCHER_IMAGE: fc.constantFrom('registry.example.com/envtier/fetcher:1', 'fetcher:2', 'other:2'),
		ENVTIER_NATIVE_ENV: fc.constant('true'),
	});

	test('ends as the last of them would have made it, and is never refused for what the first has done', () => {
		let reconciled = 0;
		fc.assert(
			fc.property(askingPods, others, (pod, env) => {
				const first = decide(pod);
				const alone = decide(pod, env);
				if (first.kind !== 'inject' || alone.kind !== 'inject') return;
				const between = applied(pod, first);
				const second = decide(between, env);
				expect(second.kind === 'reject' && second.message).toBe(false);
				const after = second.kind === 'inject' ? applied(between, second) : between;
				if (second.kind === 'inject') reconciled += 1;
				expect(whole(after)).toEqual(whole(applied(pod, alone)));
				expect(decide(after, env)).toEqual(ALREADY);
			}),
			{ numRuns: 150 },
		);
		expect(reconciled).toBeGreaterThan(50);
	});
});

describe('a pod with a status and parts that someone typed', () => {
	const forged = forgedPods((pod) => {
		const decision = decide(pod);
		return decision.kind === 'inject' ? applied(pod, decision) : undefined;
	});
	const readersOf = (decision: ReturnType<typeof decide>): string[] =>
		decision.kind === 'inject'
			? decision.plan.fetchers.flatMap(({ readers }) => readers.map(({ name }) => name))
			: [];

	test('ends as if it had none, or is refused', () => {
		const counts = { inject: 0, skip: 0, reject: 0 };
		fc.assert(
			fc.property(forged, (pod) => {
				const decision = decide(pod);
				counts[decision.kind] += 1;
				if (decision.kind !== 'inject') return;
				const after = applied(pod, decision);
				expect(decide(after)).toEqual(ALREADY);
				const plain = stripped(pod);
				// What the status can choose is what envtier.dev/containers can: who gets the secrets.
				const annotations = { ...plain.metadata?.annotations };
				annotations['envtier.dev/containers'] = readersOf(decision).join(',');
				plain.metadata = { ...plain.metadata, annotations };
				const fresh = applied(plain, decide(plain));
				expect(ofInjection(after)).toEqual(ofInjection(fresh));
			}),
			{ numRuns: 500 },
		);
		expect(counts.inject).toBeGreaterThan(100);
		expect(counts.reject).toBeGreaterThan(10);
	});

	test('does not change parts with other names', () => {
		fc.assert(
			fc.property(forged, (pod) => {
				const decision = decide(pod);
				if (decision.kind !== 'inject') return;
				const names = (one: V1Pod) => [
					one.spec?.containers.map(({ name }) => name),
					(one.spec?.initContainers ?? []).map(({ name }) => name).filter((name) => !isFetcherName(name)),
					(one.spec?.volumes ?? []).map(({ name }) => name).filter((name) => !isAddedVolume(name)),
				];
				expect(names(applied(pod, decision))).toEqual(names(pod as unknown as V1Pod));
			}),
			{ numRuns: 150 },
		);
	});
});
