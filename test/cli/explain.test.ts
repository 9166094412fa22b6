import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { WEBHOOK_CONFIGURATION } from '../../cli/webhook-configuration.ts';
import { goldenCases } from '../golden/cases.ts';
import { ASKS, podOf, prefixed, WEB } from '../webhook/support/pods.ts';
import { envtier } from './support/command.ts';
import { explained, folderForTests, PLAIN, POD, REFUSED } from './support/explain.ts';

const { file } = folderForTests();

/** A workload of `kind` whose pods ask. */
function workload(apiVersion: string, kind: string, metadata: object = {}): object {
	const { spec, metadata: own } = podOf();
	const template = { metadata: { annotations: own?.annotations }, spec };
	const inner = kind === 'CronJob' ? { jobTemplate: { spec: { template } } } : { template };
	const body = kind === 'PodTemplate' ? { template } : { spec: inner };
	return { apiVersion, kind, metadata: { name: 'web', namespace: 'shop', ...metadata }, ...body };
}

describe('envtier explain', () => {
	test('shows what would be injected as a unified diff, and exits 0', async () => {
		const { code, stdout } = await envtier(['explain', await file('pod.yaml', POD)]);
		expect(code).toBe(0);
		expect(stdout).toContain('Pod default/web: inject\n');
		expect(stdout).toMatch(/^--- Pod default\/web as written\n\+\+\+ Pod default\/web as created\n@@ /m);
		expect(stdout).toMatch(/^\+ {4}- name: envtier-fetch$/m);
		expect(stdout).toMatch(/^ +image: registry\.example\.com\/shop\/web:1$/m);
		expect(stdout).not.toMatch(/^-(?!--)/m);
	});

	test('says why a pod is refused and what to do, and exits 4', async () => {
		const { code, stdout } = await envtier(['explain', '-'], { input: REFUSED });
		expect(code).toBe(4);
		expect(stdout).toContain('Pod default/web: reject (unknown-annotation)');
		expect(stdout).toContain('did you mean envtier.dev/service?');
		expect(stdout).toContain('cure: write the name that the message suggests');
	});

	test('says why a pod is left alone, and exits 3', async () => {
		const { code, stdout } = await envtier(['explain', '-'], { input: PLAIN });
		expect(code).toBe(3);
		expect(stdout).toContain('skip (not-requested)');
		expect(stdout).toContain('why: no annotation under the prefix');
	});

	test.each([
		[[POD], 0],
		[[POD, PLAIN], 3],
		[[PLAIN, REFUSED, POD], 4],
	])('of several objects the worst decides the exit code, and a summary names all', async (pods, wanted) => {
		const { code, stdout } = await envtier(['explain', '-'], { input: pods.join('---\n') });
		expect(code).toBe(wanted);
		expect(/\d objects: /.test(stdout)).toBe(pods.length > 1);
		if (pods.length === 3) expect(stdout).toContain('3 objects: 1 inject, 1 skip, 1 reject\n');
	});

	test('several files are one input', async () => {
		const files = [await file('a.yaml', POD), await file('b.yaml', PLAIN)];
		const { code, stdout } = await envtier(['explain', ...files]);
		expect(code).toBe(3);
		expect(stdout).toContain(`from: ${files[1]}`);
	});

	test.each([
		['apps/v1', 'Deployment'],
		['apps/v1', 'StatefulSet'],
		['apps/v1', 'DaemonSet'],
		['apps/v1', 'ReplicaSet'],
		['batch/v1', 'Job'],
		['batch/v1', 'CronJob'],
		['v1', 'ReplicationController'],
		['v1', 'PodTemplate'],
	])('looks at the pods of a %s %s', async (apiVersion, kind) => {
		const { code, report } = await explained([workload(apiVersion, kind)]);
		expect(code).toBe(0);
		expect(report.objects).toMatchObject([{ kind, namespace: 'shop', name: 'web', decision: 'inject' }]);
		expect(report.objects[0].pod.spec.initContainers[0].name).toBe('envtier-fetch');
	});

	test('items of lists are looked at one by one, also in lists of lists and typed ones', async () => {
		const inner = { apiVersion: 'v1', kind: 'List', items: [podOf({ deployment: 'UPPER' })] };
		const { apiVersion: _version, kind: _kind, ...untyped } = podOf();
		const typed = { apiVersion: 'v1', kind: 'PodList', items: [untyped] };
		const list = { apiVersion: 'v1', kind: 'List', items: [workload('apps/v1', 'Deployment'), inner, typed] };
		const { code, report } = await explained([list]);
		expect(code).toBe(4);
		const decided = report.objects.map(({ kind, decision }: { kind: string; decision: string }) => [
			kind,
			decision,
		]);
		expect(decided).toEqual([
			['Deployment', 'inject'],
			['Pod', 'reject'],
			['Pod', 'inject'],
		]);
	});

	test('objects without a pod template are named and left out', async () => {
		const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' } };
		const { code, report, stderr } = await explained([service, podOf()]);
		expect(code).toBe(0);
		expect(report.ignored).toEqual(['Service (standard input, document 1)']);
		expect(stderr).toContain('there is no pod template in Service');
	});

	test('annotations on a workload instead of its pod template get a hint', async () => {
		const metadata = { annotations: prefixed(ASKS) };
		const bare = {
			apiVersion: 'apps/v1',
			kind: 'Deployment',
			metadata,
			spec: { template: { spec: { containers: [WEB] } } },
		};
		const { code, report } = await explained([bare]);
		expect(code).toBe(3);
		expect(report.objects[0].hints[0]).toContain('the Deployment itself has annotations under envtier.dev/');
	});

	test.each(WEBHOOK_CONFIGURATION.excludedNamespaces)(
		'says that the webhook is not asked about pods in %s',
		async (namespace) => {
			const { code, report } = await explained([podOf()], ['--namespace', namespace]);
			expect(code).toBe(3);
			expect(report.objects[0]).toMatchObject({ decision: 'skip', reason: 'excluded-namespace' });
		},
	);

	describe('the label of the namespace', () => {
		const ENFORCED = { ENVTIER_ORG_LABEL: 'enforce' };
		const NAMESPACE = {
			apiVersion: 'v1',
			kind: 'Namespace',
			metadata: { name: 'shop', labels: { 'envtier.dev/org': 'acme' } },
		};

		test('is taken from a Namespace among the objects, wherever it stands', async () => {
			const pods = [podOf(), podOf({ ...ASKS, org: 'other' })];
			const { report } = await explained([...pods, NAMESPACE], ['--namespace', 'shop'], ENFORCED);
			expect(report.objects.map(({ decision }: { decision: string }) => decision)).toEqual([
				'inject',
				'reject',
			]);
			expect(report.objects[0].tiers).toContain('org');
			expect(report.objects[1]).toMatchObject({ reason: 'org-not-allowed', hints: [] });
			expect(report.ignored).toEqual([]);
		});

		test('is taken from the command line', async () => {
			const { report } = await explained([podOf()], ['--org-label', 'acme']);
			expect(report.objects[0].tiers).toEqual(['org', 'deployment', 'service']);
		});

		test('is said to be missing where it is enforced', async () => {
			const { report } = await explained([podOf()], [], ENFORCED);
			expect(report.objects[0].hints[0]).toContain('give the Namespace along with the pod');
		});
	});

	test('decides as the webhook does: golden pods', async () => {
		const cases = goldenCases().filter(({ request }) => Object.keys(request).length === 0);
		const bySettings = Map.groupBy(cases, ({ settings, namespace }) => JSON.stringify([settings, namespace]));
		expect(bySettings.size).toBeGreaterThan(3);
		// The test keeps the end of a very long output only.
		const groups = [...bySettings.values()].flatMap((group) => [
			...Map.groupBy(group, (golden) => Math.floor(group.indexOf(golden) / 40)).values(),
		]);
		for (const group of groups) {
			const { settings = {}, namespace } = group[0] ?? {};
			const env = {
				ENVTIER_FETCHER_IMAGE: 'registry.example.com/envtier/fetcher:1.0.0',
				ENVTIER_VAULT_ADDR: 'https://vault.vault.svc:8200',
				ENVTIER_NATIVE_ENV: 'false',
				ENVTIER_IN_PLACE_RESTART: 'false',
				...settings,
			};
			const pods = group.map(({ pod }) => pod);
			const { report } = await explained(
				[...(namespace?.metadata ? [namespace] : []), ...pods],
				['--namespace', 'shop'],
				env,
			);
			for (const [index, { folder, sentence }] of group.entries()) {
				const expected = parse(await readFile(join(folder, 'expected.yaml'), 'utf8'));
				const { decision, reason, warnings, pod } = report.objects[index];
				expect(decision, sentence).toBe(expected.kind);
				expect(reason, sentence).toBe(expected.reason);
				if (expected.kind === 'inject')
					expect({ warnings, pod }, sentence).toEqual({ warnings: expected.warnings, pod: expected.pod });
			}
		}
	});
});

test('the injected pod of a report is one that explain leaves alone', async () => {
	const { report } = await explained([podOf()]);
	const again = await explained([report.objects[0].pod]);
	expect(again.report.objects[0]).toMatchObject({ decision: 'skip', reason: 'already-injected' });
});
