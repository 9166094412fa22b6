import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { prefixed } from './support/pods.ts';
import { request } from './support/request.ts';
import { settings } from './support/settings.ts';

const CANARY = 'c4n4ry-value-that-nobody-should-see';

function decide(pod: unknown) {
	return admit(request(pod), settings().injection);
}

const annotations = prefixed({ deployment: 'shop' });
const withSpec = (spec: unknown): unknown => ({ metadata: { annotations }, spec });
const withContainer = (container: unknown): unknown => withSpec({ containers: [container] });
/** JSON can hold members that no literal can. */
const parsed = (text: string): unknown => JSON.parse(text);

describe('a pod that the API could not have is refused, naming the field and never its value', () => {
	test.for<readonly [field: string, pod: unknown]>([
		['the pod', CANARY],
		['the pod', [CANARY]],
		['the pod', 7],
		['metadata', { metadata: CANARY }],
		['metadata.annotations', { metadata: { annotations: [CANARY] } }],
		['annotation', { metadata: { annotations: { 'envtier.dev/deployment': 7 } } }],
		['spec', withSpec(CANARY)],
		['spec.containers', withSpec({ containers: { [CANARY]: {} } })],
		['spec.containers', withSpec({ containers: [] })],
		['spec.containers', withSpec({})],
		['spec.containers[0]', withContainer(CANARY)],
		['spec.containers[1]', withSpec({ containers: [{ name: 'a' }, [CANARY]] })],
		['spec.containers[0]', withContainer(null)],
		['spec.initContainers[1]', withSpec({ containers: [{}], initContainers: [{ name: 'a' }, null] })],
		['spec.volumes[0]', withSpec({ containers: [{}], volumes: [null] })],
		['spec.containers[0].name', withContainer({ name: { [CANARY]: 1 } })],
		['spec.containers[0].securityContext', withContainer({ securityContext: CANARY })],
		[
			'spec.containers[0].securityContext.runAsUser',
			withContainer({ securityContext: { runAsUser: CANARY } }),
		],
		['spec.containers[0].securityContext.runAsUser', withContainer({ securityContext: { runAsUser: -1 } })],
		['spec.containers[0].securityContext.runAsUser', withContainer({ securityContext: { runAsUser: 1.5 } })],
		[
			'spec.containers[0].securityContext.runAsUser',
			withContainer({ securityContext: { runAsUser: 1e300 } }),
		],
		[
			'spec.containers[0].securityContext.runAsGroup',
			withContainer({ securityContext: { runAsGroup: true } }),
		],
		[
			'spec.containers[0].securityContext.capabilities',
			withContainer({ securityContext: { capabilities: CANARY } }),
		],
		[
			'spec.containers[0].securityContext.capabilities.drop',
			withContainer({ securityContext: { capabilities: { drop: CANARY } } }),
		],
		[
			'spec.containers[0].securityContext.capabilities.drop[0]',
			withContainer({ securityContext: { capabilities: { drop: [{ toString: CANARY }] } } }),
		],
		[
			'spec.containers[0].securityContext.capabilities.add[1]',
			withContainer({ securityContext: { capabilities: { add: ['ALL', [[CANARY]]] } } }),
		],
		['spec.containers[0].volumeMounts', withContainer({ volumeMounts: CANARY })],
		['spec.containers[0].volumeMounts[0]', withContainer({ volumeMounts: [CANARY] })],
		['spec.containers[0].volumeMounts[0]', withContainer({ volumeMounts: [null] })],
		['spec.containers[0].env[0]', withContainer({ env: [null] })],
		[
			'spec.containers[0].volumeMounts[0].mountPath',
			withContainer({ volumeMounts: [{ mountPath: [CANARY] }] }),
		],
		['spec.containers[0].volumeDevices', withContainer({ volumeDevices: CANARY })],
		['spec.containers[0].env', withContainer({ env: { [CANARY]: CANARY } })],
		['spec.containers[0].env[0].name', withContainer({ env: [{ name: [CANARY] }] })],
		['spec.containers[0].resources', withContainer({ resources: CANARY })],
		['spec.containers[0].resources.limits', withContainer({ resources: { limits: [CANARY] } })],
		['spec.initContainers', withSpec({ containers: [{}], initContainers: CANARY })],
		['spec.initContainers[0]', withSpec({ containers: [{}], initContainers: [7] })],
		['spec.ephemeralContainers', withSpec({ containers: [{}], ephemeralContainers: CANARY })],
		['spec.volumes', withSpec({ containers: [{}], volumes: CANARY })],
		['spec.volumes[0]', withSpec({ containers: [{}], volumes: [[CANARY]] })],
		['spec.volumes[0].name', withSpec({ containers: [{}], volumes: [{ name: [CANARY] }] })],
		['spec.securityContext', withSpec({ containers: [{}], securityContext: CANARY })],
		[
			'spec.securityContext.runAsUser',
			withSpec({ containers: [{}], securityContext: { runAsUser: CANARY } }),
		],
		['spec.serviceAccountName', withSpec({ containers: [{}], serviceAccountName: [CANARY] })],
		['spec.os', withSpec({ containers: [{}], os: CANARY })],
		['spec.nodeSelector', withSpec({ containers: [{}], nodeSelector: CANARY })],
		['spec.resources', withSpec({ containers: [{}], resources: CANARY })],
	])('%s', ([field, pod]) => {
		const decision = decide(pod);
		expect(decision).toMatchObject({ kind: 'reject', reason: 'malformed-pod' });
		const message = decision.kind === 'reject' ? decision.message : '';
		expect(message).toContain(field);
		expect(message).not.toContain(CANARY);
	});
});

describe('harmless input that looks dangerous is injected', () => {
	const metadata = JSON.stringify({ annotations });
	test.for<readonly [string, unknown]>([
		[
			'a member __proto__ in the pod',
			parsed(`{"__proto__":{"x":1},"metadata":${metadata},"spec":{"containers":[{}]}}`),
		],
		[
			'a member __proto__ in spec',
			parsed(`{"metadata":${metadata},"spec":{"__proto__":{"volumes":7},"containers":[{}]}}`),
		],
		['a member constructor in a container', withContainer({ constructor: { prototype: { x: 1 } } })],
		[
			'an unknown member of any shape',
			withContainer({ future: [[{}]], resources: { claims: [{ name: 'gpu' }] } }),
		],
		[
			'an annotation __proto__ of someone else',
			parsed(
				`{"metadata":{"annotations":{"envtier.dev/deployment":"shop","__proto__":"x"}},"spec":{"containers":[{}]}}`,
			),
		],
	])('%s', ([, pod]) => {
		expect(decide(pod).kind).toBe('inject');
		expect({}).not.toHaveProperty('x');
	});
});

test('resources of the pod that are empty count as none', () => {
	const decision = decide(withSpec({ containers: [{}], resources: {} }));
	expect(decision.kind === 'inject' && decision.plan.qos).toBe('other');
});

describe('the Vault role that is made from the service account', () => {
	const made = (serviceAccountName: string, template: string) => {
		const pod = withSpec({ containers: [{}], serviceAccountName });
		const decision = admit(request(pod), settings({ ENVTIER_DEFAULT_ROLE: template }).injection);
		return decision.kind === 'inject' ? decision.plan.fetchSpec.role : decision;
	};

	test('contains the values of all placeholders, at any position and any number of times', () => {
		expect(made('web', 'a.{serviceAccount}-{namespace}-{serviceAccount}')).toBe('a.web-shop-web');
	});

	test.for<readonly [string, string]>([
		['signs that JavaScript’s replace takes for the whole match', '$&'],
		['signs that it takes for what stands before', '$`'],
		['signs that it takes for what stands behind', "$'"],
		['signs that it takes for one of them', '$$'],
		['the other placeholder', '{namespace}'],
		['the placeholder itself', '{serviceAccount}'],
		['a climb', '../admin'],
		['a blank', 'a b'],
		['a line feed', 'a\nb'],
		['a right-to-left override', '\u202e'],
		['5000 letters', 'x'.repeat(5000)],
	])('is refused for a service account that Kubernetes could not have: %s', ([, name]) => {
		const refused = made(name, 'role-{serviceAccount}');
		expect(refused).toMatchObject({ kind: 'reject', reason: 'bad-annotation' });
		const message = typeof refused === 'string' || refused.kind !== 'reject' ? '' : refused.message;
		expect(message).toMatch(/^[\x20-\x7e…’]*$/);
		expect(message.length).toBeLessThan(600);
	});
});
