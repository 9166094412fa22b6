import type { V1Pod } from '@kubernetes/client-node';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Result } from '../../contract/result.ts';
import { SHIPPED } from '../../policy/files.ts';
import { policyObjects } from '../../policy/objects.ts';
import { leftToWebhook } from '../../policy/plain-pod.ts';
import { admit } from '../../webhook/admission/admit.ts';
import type { Decision } from '../../webhook/admission/decision.ts';
import { type CelEvaluator, startCelEvaluator } from '../support/kubernetes/cel.ts';
import type { ArbitraryPod } from '../webhook/support/arbitrary-pods.ts';
import { forgedPods } from '../webhook/support/forged-pods.ts';
import { applied, request } from '../webhook/support/request.ts';
import { ENV, type Env, settings } from '../webhook/support/settings.ts';
import { pods } from './support/pods.ts';

const [MUTATING = {}] = policyObjects(SHIPPED);
const RUNS = 400;

const started: Result<CelEvaluator> = await startCelEvaluator();
const title = 'the policy and the webhook decide alike';
if (!started.ok)
	describe.skip(title, () => {
		test(`needs the evaluator: ${started.error}`);
	});
else
	describe(title, () => {
		const evaluator = started.value;
		afterAll(() => evaluator.stop());
		const evaluate = (pod: unknown, env: Env) =>
			evaluator.evaluate({
				policy: MUTATING,
				settings: { ...ENV, ...env },
				namespace: { name: 'shop' },
				pod,
			});
		const webhook = (pod: unknown, env: Env): Decision => admit(request(pod), settings(env).injection);

		/** The webhook’s pod, or undefined where it does not change it. */
		const injected = (pod: ArbitraryPod): V1Pod | undefined => {
			const decision = webhook(pod, {});
			return decision.kind === 'inject' ? (applied(pod, decision) as V1Pod) : undefined;
		};

		async function compare(pod: ArbitraryPod, env: Env): Promise<string> {
			const decision = webhook(pod, env);
			const made = await evaluate(pod, env);
			expect(made.error).toBeUndefined();
			if (
				decision.kind === 'reject' ||
				(decision.kind === 'skip' && decision.reason !== 'already-injected')
			) {
				// A tier without its organization depends on the settings: the second policy refuses it.
				const later = decision.kind === 'reject' && decision.reason === 'tier-without-name';
				if (!later) expect(made.matches, JSON.stringify(decision)).toBe(false);
				return decision.kind;
			}
			if (decision.kind === 'inject')
				expect(made.matches).toBe(leftToWebhook(pod as unknown as V1Pod, decision.plan) === undefined);
			if (!made.matches) return 'left';
			const expected = decision.kind === 'inject' ? applied(pod, decision) : pod;
			expect(bare(made.pod)).toEqual(bare(expected));
			return 'taken';
		}

		const environments = fc.constantFrom<Env>(
			{},
			{ ENVTIER_DEFAULT_ORG: 'acme', ENVTIER_EMPTY: 'skip' },
			{ ENVTIER_FETCHER_PULL_SECRETS: 'a, b', ENVTIER_FETCHER_PULL_POLICY: 'Always' },
			{
				ENVTIER_FETCHER_REQUESTS: 'cpu=1,ephemeral-storage=1Gi',
				ENVTIER_FETCHER_LIMITS: 'cpu=1,memory=64Mi',
			},
		);

		test('about generated pods', async () => {
			const seen = { taken: 0, left: 0, reject: 0, skip: 0 };
			await fc.assert(
				fc.asyncProperty(pods, environments, async (pod, env) => {
					const what = await compare(pod, env);
					seen[what as keyof typeof seen] += 1;
				}),
				{ numRuns: RUNS },
			);
			expect(seen.taken).toBeGreaterThan(RUNS / 20);
			expect(seen.left).toBeGreaterThan(RUNS / 20);
		});

		test('about a pod that one of them injected: nothing is left to do', async () => {
			await fc.assert(
				fc.asyncProperty(pods, environments, async (pod, env) => {
					const made = await evaluate(pod, env);
					// What the settings forbid is refused by the second policy.
					fc.pre(made.matches && webhook(pod, env).kind === 'inject');
					const again = await evaluate(made.pod, env);
					expect([again.error, again.matches]).toEqual([undefined, true]);
					expect(again.pod).toEqual(made.pod);
					expect(webhook(made.pod, env)).toEqual({ kind: 'skip', reason: 'already-injected' });
				}),
				{ numRuns: RUNS / 4, maxSkipsPerRun: 1000 },
			);
		});

		test('a pod as large as the policy takes is plain before and after its injection', async () => {
			const mounts = Array.from({ length: 9 }, (_, i) => ({
				name: `cache-${i}`,
				mountPath: `/var/cache/${i}`,
			}));
			const container = (name: string, volumeMounts: object[]) => ({ name, image: 'web:1', volumeMounts });
			const pod = {
				metadata: { name: 'large', annotations: { 'envtier.dev/deployment': 'shop' } },
				spec: {
					securityContext: { runAsUser: 1000 },
					containers: Array.from({ length: 100 }, (_, i) => container(`app-${i}`, mounts)),
					initContainers: Array.from({ length: 100 }, (_, i) => container(`init-${i}`, mounts.slice(0, 1))),
					volumes: Array.from({ length: 1000 }, (_, i) => ({ name: `cache-${i}`, emptyDir: {} })),
				},
			};
			const made = await evaluate(pod, {});
			expect([made.error, made.matches]).toEqual([undefined, true]);
			const again = await evaluate(made.pod, {});
			expect([again.error, again.matches]).toEqual([undefined, true]);
			expect(again.pod).toEqual(made.pod);
			expect(again.matchCost).toBeLessThan(1_000_000);
		});

		test.each([
			['another value', ''],
			['the same value', ENV.ENVTIER_VAULT_ADDR ?? ''],
		])('about a variable of the fetcher that someone added again, with %s', async (_what, value) => {
			const asks = { 'envtier.dev/deployment': 'shop', 'envtier.dev/run-as-user': '1000' };
			const containers = [{ name: 'web', image: 'web:1' }];
			const pod = injected({
				apiVersion: 'v1',
				kind: 'Pod',
				metadata: { name: 'web', annotations: asks },
				spec: { containers },
			} as ArbitraryPod);
			pod?.spec?.initContainers?.[0]?.env?.push({ name: 'ENVTIER_VAULT_ADDR', value });
			expect(await compare(pod as unknown as ArbitraryPod, {})).toBe('taken');
		});

		test('about parts with our names that someone typed, or others changed after an injection', async () => {
			const seen = { taken: 0, left: 0, reject: 0, skip: 0 };
			await fc.assert(
				fc.asyncProperty(forgedPods(injected, pods), environments, async (pod, env) => {
					const what = await compare(pod, env);
					seen[what as keyof typeof seen] += 1;
				}),
				{ numRuns: RUNS },
			);
			expect(seen.taken).toBeGreaterThan(0);
		});
	});

/** Without what a decoder of types leaves out or adds: empty lists, maps, texts and statuses. */
function bare(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(bare);
	if (typeof value !== 'object' || value === null) return value;
	const members = Object.entries(value)
		.map(([name, each]) => [name, bare(each)] as const)
		.filter(([, each]) => each !== null && each !== '' && each !== false && !isEmpty(each));
	return Object.fromEntries(members);
}

function isEmpty(value: unknown): boolean {
	return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
