import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { WEBHOOK_NAMES } from '../../../policy/annotations.ts';
import { type GoldenCase, goldenCases } from '../../golden/cases.ts';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { createPod } from '../../support/kubernetes/pods.ts';
import { applyPolicies, describeWithPolicies, setSettings } from '../../support/kubernetes/policy.ts';
import { policyKubernetes } from '../../support/kubernetes/versions.ts';
import { registerWebhook } from '../../support/kubernetes/webhook-configuration.ts';
import { until } from '../../support/until.ts';
import { startWebhook } from '../../support/webhook.ts';
import { provide } from './support/golden.ts';
import { comparable, sorted } from './support/pods-alike.ts';

/** What test/golden fixes for each pod. */
type Expected = { readonly kind: 'inject'; readonly pod: V1Pod } | { readonly kind: 'skip' | 'reject' };

interface Case extends Omit<GoldenCase, 'pod'> {
	readonly pod: V1Pod;
	readonly expected: Expected;
}

const STATUS = 'envtier.dev/status';
const CASES: readonly Case[] = goldenCases()
	.filter(({ request }) => request.operation === undefined && request.subResource === undefined)
	.map((golden) => ({
		...golden,
		pod: golden.pod as V1Pod,
		expected: parse(readFileSync(join(golden.folder, 'expected.yaml'), 'utf8')) as Expected,
	}));

/**
 * What the webhook injects and the policy does not, with the reason that the refusal gives where there is no
 * webhook.
 */
const LEFT: Readonly<Record<string, string>> = {
	'a composed value travels as a template the kubelet leaves alone': 'needs-webhook',
	'a container named like a fetcher on top of an injection is taken out': 'name-taken',
	'a copy of an injected pod that asks for something else now gets that': 'name-taken',
	'a fetcher that someone typed becomes the fetcher': 'needs-webhook',
	'a pod to which a policy gave a uid since gets a fetcher of that uid': 'name-taken',
	'a status that someone typed is no reason to leave the pod alone': 'needs-webhook',
	'the fetcher comes after the pods own init containers when asked': 'needs-webhook',
	'a containers uid wins over the pods and both over the annotation': 'needs-webhook',
	'a native sidecar that is named gets the files too': 'needs-webhook',
	'a native variable takes a key that would run code under another name': 'needs-webhook',
	'a native variable that runs code is set where it is allowed': 'needs-webhook',
	'a pod whose affinity allows linux as well is injected': 'windows',
	'a pod with every handler and env source keeps them': 'needs-webhook',
	'a pod with nothing but a container gets everything it lacks': 'needs-webhook',
	'a privileged root container reads the files whatever it drops': 'needs-webhook',
	'a root container reads everybodys files so the fetcher need not be root': 'needs-webhook',
	'a sealed value goes to the fetcher as it is': 'needs-webhook',
	'a wrapped container keeps its command its arguments and its probes': 'needs-webhook',
	'an init container that is named gets the files too': 'needs-webhook',
	'an init container that was put before its fetcher since comes after it again': 'needs-webhook',
	'containers of two uids get a fetcher and a volume each': 'needs-webhook',
	'empty lists and maps are filled rather than replaced': 'needs-webhook',
	'fields that are null count as absent': 'needs-webhook',
	'native variables and files can be had together': 'needs-webhook',
	'native variables need neither a mount nor a uid': 'needs-webhook',
	'root that drops all but adds dac override still reads the files': 'needs-webhook',
	'the group comes from the container then the pod then the annotation': 'needs-webhook',
	'three uids get three fetchers named for their uids from the second on': 'needs-webhook',
	'two containers take different parts and see only their own': 'needs-webhook',
	'variables that run code and are allowed reach the fetcher': 'needs-webhook',
	'when nobody says a uid the default is used and the author is warned': 'needs-webhook',
};

/** Annotations that the policy serves in no pod. */
const FOR_THE_WEBHOOK = new RegExp(`^envtier\\.dev/(?:${WEBHOOK_NAMES.join('|')}|[a-z]+\\..*)$`);

/** Why the policy leaves a pod that the webhook injects; undefined for plain pods. */
function reasonOf({ sentence, pod }: Case): string | undefined {
	const names = Object.keys(pod.metadata?.annotations ?? {});
	return LEFT[sentence] ?? (names.some((name) => FOR_THE_WEBHOOK.test(name)) ? 'needs-webhook' : undefined);
}

const describePolicies = await describeWithPolicies();

describePolicies(`golden pods on Kubernetes ${policyKubernetes().version} with the policy alone`, () => {
	let cluster: ApiServer;
	/** What the webhook itself makes of the pods, by their sentence. */
	const byWebhook = new Map<string, V1Pod>();
	beforeAll(async () => {
		const started = await startApiServer([], policyKubernetes());
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		await askWebhook(cluster, byWebhook);
		await applyPolicies(cluster);
	});
	afterAll(() => cluster?.stop());

	const plain = CASES.filter((golden) => golden.expected.kind === 'inject' && reasonOf(golden) === undefined);
	test('there are some of each kind', () => {
		expect(plain.length).toBeGreaterThan(50);
		expect(Object.keys(LEFT).filter((name) => !CASES.some(({ sentence }) => sentence === name))).toEqual([]);
	});

	describe('the pod of the policy is that of the webhook', () => {
		test.each(plain)('$sentence', async (golden) => {
			if (golden.expected.kind !== 'inject') throw new Error('only injected pods come here');
			const namespace = await namespaceFor(cluster, golden);
			const expected = await asStored(cluster, golden.expected.pod, namespace);
			await setSettings(cluster, golden.settings);
			const made = await settled(cluster, namespace, golden.pod, expected);
			expect(made.status, made.body.message).toBe(201);
			expect(sorted(comparable(made.body))).toEqual(expected);
			const said = byWebhook.get(golden.sentence);
			if (said !== undefined)
				expect(withoutRole(comparable(made.body))).toEqual(withoutRole(comparable(said)));
		});
	});

	const others = CASES.filter(
		(golden) =>
			golden.expected.kind === 'reject' ||
			(golden.expected.kind === 'inject' && reasonOf(golden) !== undefined),
	);
	test.each(others)('left by the policy, so refused with a reason: $sentence', async (golden) => {
		const namespace = await namespaceFor(cluster, golden);
		await setSettings(cluster, golden.settings);
		await provide(cluster, namespace, golden.pod);
		const refused = await until('the refusal', async () => {
			const made = await attempt(cluster, namespace, golden.pod);
			return made.status === 201 ? undefined : made;
		});
		const { message = '' } = refused.body;
		// The API server itself finds some pods invalid. An enforced organization is refused by both policies.
		expect(message).toMatch(
			/ValidatingAdmissionPolicy 'envtier-.*(?:\([-a-z]+\)$|envtier\.dev\/org must)|is invalid: spec\./,
		);
		if (golden.expected.kind === 'inject' && !message.includes('is invalid: '))
			expect(message).toContain(`(${reasonOf(golden)})`);
	});

	const skipped = CASES.filter(
		({ expected, pod }) => expected.kind === 'skip' && !(STATUS in (pod.metadata?.annotations ?? {})),
	);
	test.each(skipped)('left alone by both: $sentence', async (golden) => {
		const namespace = await namespaceFor(cluster, golden);
		const made = await attempt(cluster, namespace, golden.pod);
		expect(made.status, made.body.message).toBe(201);
		expect(made.body.spec?.initContainers?.map(({ name }) => name) ?? []).not.toContain('envtier-fetch');
	});
});

/**
 * Has the webhook, registered as it ships, decide about all pods that need no settings of their own; as dry
 * runs.
 */
async function askWebhook(cluster: ApiServer, byWebhook: Map<string, V1Pod>): Promise<void> {
	const webhook = await startWebhook({
		ENVTIER_VAULT_ADDR: 'https://vault.vault.svc:8200',
		ENVTIER_FETCHER_IMAGE: 'registry.example.com/envtier/fetcher:1.0.0',
	});
	const takeAway = await registerWebhook(cluster, webhook);
	try {
		for (const golden of CASES) {
			if (golden.expected.kind !== 'inject' || reasonOf(golden) !== undefined) continue;
			if (Object.keys({ ...golden.settings, ...golden.namespace }).length > 0) continue;
			const namespace = await cluster.createNamespace();
			await provide(cluster, namespace, golden.pod);
			const { status, body } = await attempt(cluster, namespace, golden.pod);
			if (status === 201) byWebhook.set(golden.sentence, body);
		}
	} finally {
		await takeAway();
		await webhook.stop();
	}
}

function namespaceFor(cluster: ApiServer, golden: Case): Promise<string> {
	return cluster.createNamespace({ labels: golden.namespace.metadata?.labels ?? {} });
}

function attempt(cluster: ApiServer, namespace: string, pod: V1Pod) {
	const { namespace: _, ...metadata } = pod.metadata ?? {};
	return createPod(cluster, namespace, { ...pod, metadata }, 'dryRun=All');
}

/** What the API server makes of a pod that the webhook has changed, in a namespace that nobody looks at. */
async function asStored(cluster: ApiServer, pod: V1Pod, namespace: string): Promise<unknown> {
	await provide(cluster, 'envtier-system', pod);
	const stored = await attempt(cluster, 'envtier-system', pod);
	const made = sorted(comparable(expectStatus(stored, 201, 'creating the expected pod')));
	// The role is made from the namespace, whose name is another one here.
	return withRole(made, (role) => role.replace(/^(k8s-)?(shop|team-blue)_/, `$1${namespace}_`));
}

function withRole(pod: unknown, change: (role: string) => string): unknown {
	const copy = structuredClone(pod) as V1Pod;
	for (const { env = [] } of copy.spec?.initContainers ?? [])
		for (const variable of env)
			if (variable.name === 'ENVTIER_VAULT_ROLE') variable.value = change(variable.value ?? '');
	return copy;
}

function withoutRole(pod: unknown): unknown {
	return withRole(pod, () => '');
}

/**
 * Creates the pod until the changed settings have arrived, which shows in the pod; gives the last answer in
 * any case.
 */
async function settled(cluster: ApiServer, namespace: string, pod: V1Pod, expected: unknown) {
	await provide(cluster, namespace, pod);
	let last = await attempt(cluster, namespace, pod);
	const bound = Date.now() + 5000;
	while (JSON.stringify(sorted(comparable(last.body))) !== JSON.stringify(expected) && Date.now() < bound) {
		await new Promise((resolve) => setTimeout(resolve, 100));
		last = await attempt(cluster, namespace, pod);
	}
	return last;
}
