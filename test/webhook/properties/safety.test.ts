import type { V1Container, V1Pod } from '@kubernetes/client-node';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { VariableName } from '../../../contract/variables.ts';
import { admit } from '../../../webhook/admission/admit.ts';
import type { Decision } from '../../../webhook/admission/decision.ts';
import { encodeReview } from '../../../webhook/admission/review.ts';
import { type ArbitraryPod, anyJson, anyPods, askingPods, brokenPods } from '../support/arbitrary-pods.ts';
import { applied, request } from '../support/request.ts';
import { settings } from '../support/settings.ts';

const ENV = {
	ENVTIER_NATIVE_ENV: 'true',
	ENVTIER_VAULT_NAMESPACE: 'team',
	ENVTIER_TOKEN_AUDIENCE: 'vault.example.com',
} as const;
const SETTINGS = settings(ENV).injection;
const decide = (pod: unknown): Decision => admit(request(pod), SETTINGS);

describe('every request gets an answer', () => {
	const answered = (object: unknown): void => {
		const decision = decide(object);
		const { response } = JSON.parse(encodeReview('u', decision));
		expect(response.allowed).toBe(decision.kind !== 'reject');
		if (decision.kind === 'inject') applied(object, decision);
	};

	test('for a pod that asks', () => fc.assert(fc.property(askingPods, answered), { numRuns: 150 }));
	test('for a pod whose annotations may mean anything', () =>
		fc.assert(fc.property(anyPods, answered), { numRuns: 150 }));
	test('for a pod that is broken somewhere', () =>
		fc.assert(fc.property(brokenPods, answered), { numRuns: 1000 }));
	test('for any JSON instead of a pod', () => fc.assert(fc.property(anyJson, answered), { numRuns: 500 }));

	test('the same each time, and no pod is written to while it is looked at', () => {
		const frozen = <T>(value: T): T => {
			if (typeof value === 'object' && value !== null)
				for (const inner of Object.values(value)) frozen(inner);
			return Object.freeze(value);
		};
		fc.assert(
			fc.property(askingPods, (pod) => {
				const { object, ...rest } = request(pod);
				expect(admit({ ...rest, object: frozen(object) }, SETTINGS)).toEqual(decide(pod));
			}),
		);
	});
});

test('the order of JSON members does not change the decision', () => {
	const shuffled = (value: unknown, by: (length: number) => number): unknown => {
		if (Array.isArray(value)) return value.map((inner) => shuffled(inner, by));
		if (typeof value !== 'object' || value === null) return value;
		const rest = Object.entries(value).map(([name, inner]) => [name, shuffled(inner, by)] as const);
		const order: (readonly [string, unknown])[] = [];
		while (rest.length > 0) order.push(...rest.splice(by(rest.length), 1));
		// fromEntries defines each member, so that __proto__ stays one.
		return Object.fromEntries(order);
	};
	fc.assert(
		fc.property(anyPods, fc.infiniteStream(fc.nat()), (pod, numbers) => {
			const other = shuffled(pod, (length) => (numbers.next().value ?? 0) % length);
			const decision = decide(pod);
			expect(decide(other)).toEqual(decision);
			if (decision.kind === 'inject') expect(applied(other, decision)).toEqual(applied(pod, decision));
		}),
		{ numRuns: 150 },
	);
});

describe('a pod cannot choose, whatever its annotations say', () => {
	const refreshingPods = fc
		.tuple(askingPods, fc.constantFrom('true', '1m', '10m'))
		.map(([pod, refresh]): ArbitraryPod => {
			const annotations = { ...pod.metadata.annotations, 'envtier.dev/refresh': refresh };
			return { ...pod, metadata: { ...pod.metadata, annotations } };
		});

	/** Whether the fetcher has a sidecar. */
	const refreshes = ({ env = [] }: V1Container): boolean =>
		env.some(({ name }) => name === 'ENVTIER_REFRESH');

	/** Runs `check` on the fetchers of injected pods. */
	function everyFetcher(check: (fetcher: V1Container, after: V1Pod, before: ArbitraryPod) => void): void {
		let seen = 0;
		fc.assert(
			fc.property(fc.oneof(anyPods, askingPods, refreshingPods), (pod) => {
				const decision = decide(pod);
				if (decision.kind !== 'inject') return;
				const after = applied(pod, decision);
				for (const { container } of decision.plan.fetchers) {
					const fetcher = after.spec?.initContainers?.find(({ name }) => name === container);
					expect(fetcher).toBeDefined();
					if (fetcher !== undefined) check(fetcher, after, pod);
					seen += 1;
				}
			}),
			{ numRuns: 200 },
		);
		expect(seen).toBeGreaterThan(50);
	}

	test('the image, the command or anything of the container but its user and its place', () => {
		everyFetcher((fetcher) => {
			const { name, env, securityContext, volumeMounts, resources, ...rest } = fetcher;
			expect(rest).toEqual({ image: SETTINGS.image, terminationMessagePolicy: 'FallbackToLogsOnError' });
			const { runAsUser, runAsGroup, ...security } = securityContext ?? {};
			expect(runAsUser).toBeGreaterThan(0);
			expect(runAsGroup).toBeGreaterThanOrEqual(0);
			expect(security).toEqual({
				runAsNonRoot: true,
				allowPrivilegeEscalation: false,
				readOnlyRootFilesystem: true,
				capabilities: { drop: ['ALL'] },
				seccompProfile: { type: 'RuntimeDefault' },
			});
			expect([undefined, SETTINGS.limits]).toContainEqual(resources?.limits);
			expect([undefined, SETTINGS.limits, SETTINGS.requests]).toContainEqual(resources?.requests);
			expect(volumeMounts).toEqual([
				{ name: name.replace('envtier-fetch', 'envtier-secrets'), mountPath: '/secrets' },
				...(refreshes(fetcher)
					? [{ name: name.replace('envtier-fetch', 'envtier-private'), mountPath: '/var/lib/envtier.dev' }]
					: []),
				{ name: 'envtier-token', mountPath: '/var/run/secrets/envtier.dev', readOnly: true },
			]);
			expect(env?.every((variable) => variable.valueFrom === undefined)).toBe(true);
		});
	});

	test('where its token goes, nor how the fetcher runs', () => {
		const operators: Readonly<Partial<Record<VariableName, string>>> = {
			ENVTIER_VAULT_ADDR: SETTINGS.vault.address,
			ENVTIER_VAULT_NAMESPACE: 'team',
			ENVTIER_VAULT_AUTH_MOUNT: 'kubernetes',
			ENVTIER_VAULT_KV_MOUNT: 'secret',
			ENVTIER_VAULT_KV_VERSION: '2',
			ENVTIER_TOKEN_FILE: '/var/run/secrets/envtier.dev/token',
			ENVTIER_OUT: '/secrets',
			ENVTIER_DEADLINE: '60',
			ENVTIER_LOG_LEVEL: 'info',
		};
		const pods = new Set([
			'ENVTIER_VAULT_ROLE',
			'ENVTIER_ORG',
			'ENVTIER_DEPLOYMENT',
			'ENVTIER_SERVICE',
			'ENVTIER_TIERS',
			'ENVTIER_REQUIRE',
			'ENVTIER_FORMAT',
			'ENVTIER_ENV_KEYS',
			'ENVTIER_KEYS',
			'ENVTIER_PREFIX',
			'ENVTIER_REFRESH',
			'ENVTIER_SPREAD',
			'ENVTIER_ON_CHANGE',
			'ENVTIER_SEALED_TOKEN',
			'ENVTIER_COMPOSE_URL',
			'ENVTIER_COMPOSE_OTHER',
			'ENVTIER_COMPOSE_A',
		]);
		const sidecars: Readonly<Partial<Record<VariableName, string>>> = {
			ENVTIER_MODE: 'initial',
			ENVTIER_PRIVATE_DIR: '/var/lib/envtier.dev',
			ENVTIER_REQUEST_FILE: '/var/run/secrets/envtier.dev/refresh-requested',
		};
		everyFetcher((fetcher) => {
			const { env = [] } = fetcher;
			const rest = env.filter(({ name }) => !pods.has(name)).map(({ name, value }) => [name, value]);
			const sealed = env.some(({ name }) => name.startsWith('ENVTIER_SEALED_'));
			const transit = sealed ? { ENVTIER_VAULT_TRANSIT_MOUNT: 'transit' } : {};
			expect(Object.fromEntries(rest)).toEqual({
				...operators,
				...transit,
				...(refreshes(fetcher) ? sidecars : {}),
			});
			expect(new Set(env.map(({ name }) => name)).size).toBe(env.length);
		});
	});

	/** What a variable that the pod chooses may hold; the first that is about its name counts. */
	const HARMLESS: readonly (readonly [RegExp, RegExp])[] = [
		// The operator's.
		[/^ENVTIER_VAULT_ADDR$/, /./],
		// What the kubelet takes for one dollar sign is two; alone it would be the beginning of a reference.
		[/^ENVTIER_COMPOSE_/, /^(?:[^$]|\$\$)*$/],
		[/^ENVTIER_SEALED_/, /^(?:deployment|namespace|cluster):vault:v\d+:[A-Za-z0-9+/=]+$/],
		[/^ENVTIER_(?:KEYS|PREFIX)$/, /^[A-Za-z0-9_,=*]*$/],
		[/^/, /^(?!.*\.\.)[-A-Za-z0-9_.,/]*$/],
	];

	test('what could be expanded, or leave a path, in what it does choose', () => {
		everyFetcher(({ env = [] }) => {
			for (const { name, value } of env) {
				const [, harmless] = HARMLESS.find(([about]) => about.test(name)) ?? [];
				expect(value, name).toMatch(harmless ?? /(?!)/);
			}
		});
	});

	test('another token than its own service account’s, for Vault’s audience, which no other container sees', () => {
		const request = {
			apiVersion: 'v1',
			fieldPath: "metadata.annotations['envtier.dev/refresh-requested']",
		};
		const requestFile = { downwardAPI: { items: [{ path: 'refresh-requested', fieldRef: request }] } };
		everyFetcher((fetcher, after) => {
			const volume = after.spec?.volumes?.filter(({ name }) => name === 'envtier-token');
			expect(volume).toEqual([
				{
					name: 'envtier-token',
					projected: {
						sources: [
							{
								serviceAccountToken: { audience: 'vault.example.com', expirationSeconds: 600, path: 'token' },
							},
							...(refreshes(fetcher) ? [requestFile] : []),
						],
					},
				},
			]);
			const all = [...(after.spec?.containers ?? []), ...(after.spec?.initContainers ?? [])];
			const others = all.filter(({ name }) => !/^envtier-(?:fetch|refresh)(?:-[0-9]+)?$/.test(name));
			const seen = others.flatMap(({ volumeMounts }) => (volumeMounts ?? []).map(({ name }) => name));
			expect(seen).not.toContain('envtier-token');
		});
	});
});
