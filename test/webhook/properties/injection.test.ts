import type { V1Container, V1Pod } from '@kubernetes/client-node';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { admit } from '../../../webhook/admission/admit.ts';
import { STATUS_ANNOTATION } from '../../../webhook/annotations/annotations.ts';
import { type ArbitraryPod, askingPods } from '../support/arbitrary-pods.ts';
import { applied, request } from '../support/request.ts';
import { settings } from '../support/settings.ts';

const SETTINGS = settings({ ENVTIER_NATIVE_ENV: 'true', ENVTIER_DEFAULT_ORG: 'acme' }).injection;
const decide = (pod: unknown) => admit(request(pod), SETTINGS);

/** Runs `check` on injected pods. Most generated pods can be injected; the others are skipped. */
function everyInjection(check: (before: ArbitraryPod, after: V1Pod) => void): void {
	let injected = 0;
	fc.assert(
		fc.property(askingPods, (pod) => {
			const decision = decide(pod);
			if (decision.kind !== 'inject') return;
			injected += 1;
			check(pod, applied(pod, decision));
		}),
		{ numRuns: 150 },
	);
	expect(injected).toBeGreaterThan(50);
}

const all = (pod: V1Pod): V1Container[] => [
	...(pod.spec?.initContainers ?? []),
	...(pod.spec?.containers ?? []),
];
const isOurs = (name: string): boolean => name.startsWith('envtier-');

describe('a pod that was injected is not injected again', () => {
	const again = (pod: unknown): unknown => {
		const decision = decide(pod);
		return decision.kind === 'reject' ? decision.message : decision;
	};
	const ALREADY = { kind: 'skip', reason: 'already-injected' };

	test('as it is', () => {
		everyInjection((_, after) => expect(again(after)).toEqual(ALREADY));
	});

	test('after the API server has filled in its defaults', () => {
		everyInjection((_, after) => {
			for (const container of all(after)) {
				container.terminationMessagePath ??= '/dev/termination-log';
				container.terminationMessagePolicy ??= 'File';
				container.imagePullPolicy ??= 'IfNotPresent';
				container.resources ??= {};
				const token = {
					name: 'kube-api-access-abcde',
					mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
					readOnly: true,
				};
				container.volumeMounts = [...(container.volumeMounts ?? []), token];
			}
			Object.assign(after.spec ?? {}, {
				dnsPolicy: 'ClusterFirst',
				schedulerName: 'default-scheduler',
				priority: 0,
			});
			expect(again(after)).toEqual(ALREADY);
		});
	});

	test('after another webhook has added a sidecar, an init container, a variable and an annotation', () => {
		everyInjection((_, after) => {
			const sidecar = {
				name: 'sidecar',
				image: 'mesh:1',
				volumeMounts: [{ name: 'own', mountPath: '/secrets' }],
			};
			after.spec?.containers.unshift(sidecar);
			after.spec?.initContainers?.unshift({ name: 'sidecar-init', image: 'mesh:1' });
			// With "last" the fetchers would be moved behind it.
			if (_.metadata.annotations?.['envtier.dev/init-order'] !== 'last')
				after.spec?.initContainers?.push({ name: 'late-init', image: 'mesh:1' });
			after.spec?.volumes?.unshift({ name: 'own', emptyDir: {} });
			for (const container of all(after))
				container.env = [{ name: 'PROXY', value: 'x' }, ...(container.env ?? [])];
			Object.assign(after.metadata?.annotations ?? {}, { 'mesh.example.com/status': '{}' });
			expect(again(after)).toEqual(ALREADY);
		});
	});
});

describe('the pod’s own parts stay', () => {
	/** Takes out what bears our names, and the lists and maps that were not there. */
	function withoutOurs(before: ArbitraryPod, after: V1Pod): unknown {
		const pod = structuredClone(after) as unknown as ArbitraryPod;
		const drop = (holder: Record<string, unknown>, member: string, original: unknown): void => {
			const list = (holder[member] ?? []) as { name: string; valueFrom?: { fileKeyRef?: object } }[];
			const rest = list.filter(({ name, valueFrom }) => !isOurs(name) && valueFrom?.fileKeyRef === undefined);
			if (rest.length > 0 || Array.isArray(original)) holder[member] = rest;
			else if (original === undefined) delete holder[member];
			else holder[member] = original;
		};
		delete pod.metadata.annotations?.[STATUS_ANNOTATION];
		drop(pod.spec, 'initContainers', before.spec.initContainers);
		drop(pod.spec, 'volumes', before.spec['volumes']);
		for (const list of ['containers', 'initContainers'] as const) {
			for (const [i, container] of (pod.spec[list] ?? []).entries()) {
				const original = before.spec[list]?.[i];
				drop(container, 'volumeMounts', original?.volumeMounts);
				drop(container, 'env', original?.env);
				const { command } = container as { command?: string[] };
				if (command?.[3] === 'envtier-wrap') command.splice(0, 4);
			}
		}
		return pod;
	}

	test('byte for byte, once what injection added is taken out again', () => {
		everyInjection((before, after) => {
			expect(JSON.stringify(withoutOurs(before, after))).toBe(JSON.stringify(before));
		});
	});

	test('in its order: nothing is moved past anything else', () => {
		everyInjection((before, after) => {
			const names = (list: readonly { name: string }[] | null | undefined) =>
				(list ?? []).map(({ name }) => name).filter((name) => !isOurs(name));
			expect(names(after.spec?.containers)).toEqual(names(before.spec.containers));
			expect(names(after.spec?.initContainers)).toEqual(names(before.spec.initContainers));
		});
	});
});

describe('the patch', () => {
	test('only ever adds, below what may be added to', () => {
		const allowed =
			/^\/(metadata\/annotations(\/envtier\.dev~1status)?|spec\/volumes(\/-)?|spec\/initContainers(\/(\d+|-))?|spec\/(containers|initContainers)\/\d+\/(env(\/\d+)?|volumeMounts(\/-)?|command\/[0-3]))$/;
		fc.assert(
			fc.property(askingPods, (pod) => {
				const decision = decide(pod);
				const patch = decision.kind === 'inject' ? decision.patch : [];
				for (const { op, path } of patch) {
					expect(op).toBe('add');
					expect(path).toMatch(allowed);
				}
			}),
		);
	});

	/** The fetchers that write to a volume. */
	const writers = (pod: V1Pod, volume: string): V1Container[] =>
		(pod.spec?.initContainers ?? [])
			.filter(({ name }) => name.startsWith('envtier-fetch'))
			.filter(({ volumeMounts }) => volumeMounts?.some(({ name }) => name === volume));

	test('gives a reader one mount, read-only, of a volume that is there and that one fetcher fills', () => {
		everyInjection((_, after) => {
			const volumes = after.spec?.volumes?.map(({ name }) => name) ?? [];
			expect(new Set(volumes).size).toBe(volumes.length);
			for (const { volumeMounts = [] } of after.spec?.containers ?? []) {
				const ours = (volumeMounts ?? []).filter(({ name }) => isOurs(name));
				expect(ours.length).toBeLessThanOrEqual(1);
				for (const { name, readOnly } of ours) {
					expect(readOnly).toBe(true);
					expect(volumes).toContain(name);
					expect(writers(after, name)).toHaveLength(1);
				}
			}
		});
	});

	test('has the files written by the user who reads them', () => {
		everyInjection((_, after) => {
			for (const { volumeMounts, securityContext } of after.spec?.containers ?? []) {
				const user = securityContext?.runAsUser ?? after.spec?.securityContext?.runAsUser;
				const mount = volumeMounts?.find(({ name }) => isOurs(name));
				// Root reads all files. Without a user in the pod the image decides.
				if (!user || mount === undefined) continue;
				expect(writers(after, mount.name)[0]?.securityContext?.runAsUser).toBe(user);
			}
		});
	});
});
