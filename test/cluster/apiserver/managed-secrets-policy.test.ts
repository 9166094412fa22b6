import type { V1Secret } from '@kubernetes/client-node';
import { beforeAll, describe, expect, test } from 'vitest';
import { createObject, shippedObjects } from '../../support/kubernetes/apply-manifests.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { kubectlFor, mustKubectl } from '../../support/kubernetes/kubectl.ts';
import { preparePrograms } from '../../support/kubernetes/programs.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { CONTROLLER_FILES } from './support/controller.ts';
import { installManagedSecrets, optInObjects } from './support/managed-secrets.ts';

const SYSTEM = 'envtier-system';
const APPLY = 'application/apply-patch+yaml';
const MERGE = 'application/merge-patch+json';
const MARKS = {
	labels: { 'secret.envtier.dev/managed': 'true' },
	annotations: { 'secret.envtier.dev/owner': 'web' },
};

interface Answer {
	readonly message?: string;
}

describeWithServers('ManagedSecrets: their definition, and who may do what', ({ cluster }) => {
	let token: string;
	let opted: string;
	let other: string;
	const tokenOf = (namespace: string, account: string): string =>
		`/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
	const tokenRequest = (spec: object) => ({
		apiVersion: 'authentication.k8s.io/v1',
		kind: 'TokenRequest',
		spec: { audiences: ['vault'], expirationSeconds: 600, ...spec },
	});
	const secrets = (namespace: string, name = ''): string =>
		`/api/v1/namespaces/${namespace}/secrets${name === '' ? '' : `/${name}`}`;
	const managed = (namespace: string): string =>
		`/apis/envtier.dev/v1alpha1/namespaces/${namespace}/managedsecrets`;

	beforeAll(async () => {
		await cluster.createNamespace({ name: SYSTEM });
		await cluster.createServiceAccount(SYSTEM, 'envtier-controller');
		for (const file of CONTROLLER_FILES)
			for (const object of await shippedObjects(file)) await createObject(cluster, object);
		await installManagedSecrets(cluster);
		token = await cluster.token(SYSTEM, 'envtier-controller', [], 3_600);
		opted = await cluster.createNamespace();
		other = await cluster.createNamespace();
		for (const namespace of [opted, other]) await cluster.createServiceAccount(namespace, 'web');
		for (const object of await optInObjects(opted, ['web'])) await createObject(cluster, object);
		await until('the policies', async () => {
			const wrong = await as('POST', tokenOf(opted, 'web'), tokenRequest({ audiences: ['other'] }));
			const foreign = await as('PATCH', `${apply(opted, 'probe')}&dryRun=All`, secret('probe', {}), APPLY);
			return wrong.status === 422 && foreign.status === 422;
		});
	});

	/** A request of the controller's account. */
	const as = (method: string, path: string, body?: unknown, contentType?: string) =>
		cluster.request<Answer>(method, path, body, {
			token,
			...(contentType === undefined ? {} : { contentType }),
		});
	const apply = (namespace: string, name: string): string =>
		`${secrets(namespace, name)}?fieldManager=envtier-controller&force=true`;
	const secret = (name: string, metadata: object = MARKS, rest: object = {}) => ({
		...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, ...metadata }, type: 'Opaque' },
		data: { A: 'YQ==' },
		...rest,
	});
	/** A Secret of somebody else in the namespace that has opted in. */
	const foreign = async (name: string, body: object = {}): Promise<string> => {
		const made = await cluster.request('POST', secrets(opted), { metadata: { name }, ...body });
		expectStatus(made, 201, 'a Secret of somebody else');
		return name;
	};

	describe('what the controller’s account may do', () => {
		test('ask for a token for Vault of an account that opted in', async () => {
			expect((await as('POST', tokenOf(opted, 'web'), tokenRequest({}))).status).toBe(201);
		});

		test.for<[string, string, object, number, string]>([
			[
				'a token for the API server',
				'web',
				{ audiences: ['https://kubernetes.default.svc'] },
				422,
				'envtier-controller-tokens',
			],
			[
				'a token for Vault and the API server',
				'web',
				{ audiences: ['vault', 'https://kubernetes.default.svc'] },
				422,
				'envtier-controller-tokens',
			],
			['a token without an audience', 'web', { audiences: [] }, 422, 'envtier-controller-tokens'],
			[
				'a token that lives for a day',
				'web',
				{ expirationSeconds: 86_400 },
				422,
				'envtier-controller-tokens',
			],
			['a token of another account of that namespace', 'default', {}, 403, 'forbidden'],
		])('not ask for %s', async ([, account, spec, status, message]) => {
			const answer = await as('POST', tokenOf(opted, account), tokenRequest(spec));
			expect(answer.body.message).toContain(message);
			expect(answer.status).toBe(status);
		});

		test('create and change a Secret of a ManagedSecret', async () => {
			expect((await as('PATCH', apply(opted, 'web'), secret('web'), APPLY)).status).toBe(201);
			const next = secret('web', MARKS, { data: { A: 'Yg==' } });
			expect((await as('PATCH', apply(opted, 'web'), next, APPLY)).status).toBe(200);
		});

		test('take over a Secret whose annotation says so', async () => {
			const annotations = { 'secret.envtier.dev/adopt': 'web' };
			await foreign('adopted', { metadata: { name: 'adopted', annotations } });
			expect((await as('PATCH', apply(opted, 'adopted'), secret('adopted'), APPLY)).status).toBe(200);
		});

		test.for<[string, object, object?]>([
			['without the name of a ManagedSecret', { ...MARKS, annotations: {} }],
			['without the label', { ...MARKS, labels: {} }],
			[
				'that is a token of a service account',
				{ ...MARKS, annotations: { ...MARKS.annotations, 'kubernetes.io/service-account.name': 'web' } },
				{ type: 'kubernetes.io/service-account-token' },
			],
			['of another type', MARKS, { type: 'helm.sh/release.v1' }],
			[
				'with a label of kubernetes.io',
				{ ...MARKS, labels: { ...MARKS.labels, 'app.kubernetes.io/name': 'x' } },
			],
			[
				'with a label of Argo CD',
				{ ...MARKS, labels: { ...MARKS.labels, 'argocd.argoproj.io/secret-type': 'cluster' } },
			],
			[
				'with another owner',
				{ ...MARKS, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'x' }] },
			],
			[
				'with an annotation of others',
				{ ...MARKS, annotations: { ...MARKS.annotations, 'example.com/x': 'y' } },
			],
			[
				'that may be taken over',
				{ ...MARKS, annotations: { ...MARKS.annotations, 'secret.envtier.dev/adopt': 'other' } },
			],
		])('not create a Secret %s', async ([, metadata, rest]) => {
			const answer = await as('PATCH', apply(opted, 'refused'), secret('refused', metadata, rest), APPLY);
			expect(answer.body.message).toContain('envtier-controller-secrets');
			expect(answer.status).toBe(422);
		});

		test.for<[string, object, object]>([
			['of somebody else', {}, MARKS],
			[
				'that may be taken over by another ManagedSecret',
				{ annotations: { 'secret.envtier.dev/adopt': 'other' } },
				MARKS,
			],
			[
				'of another ManagedSecret',
				{ labels: MARKS.labels, annotations: { 'secret.envtier.dev/owner': 'other' } },
				MARKS,
			],
		])('not change a Secret %s', async ([, theirs, ours], { task }) => {
			const name = await foreign(`theirs-${task.id.replaceAll('_', '-')}`, {
				metadata: { name: `theirs-${task.id.replaceAll('_', '-')}`, ...theirs },
			});
			const answer = await as('PATCH', apply(opted, name), secret(name, ours), APPLY);
			expect(answer.body.message).toContain('may not change a Secret of somebody else');
			const { body } = await cluster.request<V1Secret>('GET', secrets(opted, name));
			expect(body.data).toBeUndefined();
		});

		test.for<[string, () => readonly [string, string, unknown?, string?]]>([
			['delete a Secret', () => ['DELETE', secrets(opted, 'web')]],
			['replace a Secret', () => ['PUT', secrets(opted, 'web'), secret('web')]],
			['read Secrets of a namespace that has not opted in', () => ['GET', secrets(other)]],
			['write Secrets there', () => ['PATCH', apply(other, 'web'), secret('web'), APPLY]],
			['ask for tokens there', () => ['POST', tokenOf(other, 'web'), tokenRequest({})]],
			['read Secrets of the whole cluster', () => ['GET', '/api/v1/secrets']],
			['create a ManagedSecret', () => ['POST', managed(opted), {}]],
			['change a ManagedSecret', () => ['PATCH', `${managed(opted)}/web`, { spec: { sync: true } }, MERGE]],
			['change a Role', () => ['POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${opted}/roles`, {}]],
		])('not %s', async ([, request]) => {
			const answer = await as(...request());
			expect(answer.status, JSON.stringify(answer.body)).toBe(403);
		});
	});

	describe('who may write a ManagedSecret', () => {
		/** A request as an account that has these rights in the namespace. */
		async function author(rules: readonly object[]) {
			const namespace = await cluster.createNamespace();
			const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
			await cluster.createServiceAccount(namespace, 'author');
			const metadata = { name: 'author' };
			const own = { apiGroups: ['envtier.dev'], resources: ['managedsecrets'], verbs: ['*'] };
			await cluster.request('POST', `${rbac}/roles`, { metadata, rules: [own, ...rules] });
			await cluster.request('POST', `${rbac}/rolebindings`, {
				metadata,
				roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'author' },
				subjects: [{ kind: 'ServiceAccount', namespace, name: 'author' }],
			});
			const credentials = await cluster.token(namespace, 'author');
			return {
				namespace,
				create: (spec: object = {}) =>
					cluster.request<Answer>(
						'POST',
						managed(namespace),
						{
							...{ apiVersion: 'envtier.dev/v1alpha1', kind: 'ManagedSecret', metadata: { name: 'web' } },
							spec: { deployment: 'shop', serviceAccountName: 'web', keys: [{ source: 'A' }], ...spec },
						},
						{ token: credentials },
					),
				patch: (body: object) =>
					cluster.request<Answer>('PATCH', `${managed(namespace)}/web`, body, {
						token: credentials,
						contentType: MERGE,
					}),
			};
		}
		const core = (
			resources: readonly string[],
			verbs: readonly string[],
			resourceNames?: readonly string[],
		) => ({
			...{ apiGroups: [''], resources, verbs },
			...(resourceNames === undefined ? {} : { resourceNames }),
		});
		const onSecrets = core(['secrets'], ['create', 'update']);
		const onTokens = core(['serviceaccounts/token'], ['create'], ['web']);

		test.for<[string, readonly object[], string]>([
			[
				'nothing else',
				[],
				'to have the Secret "web" written you must be allowed to create and update it yourself',
			],
			['only create Secrets', [core(['secrets'], ['create']), onTokens], 'to have the Secret "web" written'],
			['only ask for tokens', [onTokens], 'to have the Secret "web" written'],
			[
				'only write Secrets',
				[onSecrets],
				'to have Vault read as the service account "web" you must be allowed to ask for its tokens yourself',
			],
			[
				'ask for tokens of another account',
				[onSecrets, core(['serviceaccounts/token'], ['create'], ['other'])],
				'the service account "web"',
			],
			[
				'write a Secret of another name',
				[core(['secrets'], ['create', 'update'], ['other']), onTokens],
				'to have the Secret "web" written',
			],
		])('not who may %s', async ([, rules, message]) => {
			const answer = await (await author(rules)).create();
			expect(answer.body.message).toContain(message);
			expect(answer.status).toBe(403);
		});

		test('who may write that Secret and ask for tokens of that account; a change of the spec is checked again', async () => {
			const { create, patch, namespace } = await author([
				core(['secrets'], ['create', 'update'], ['web']),
				onTokens,
			]);
			expect((await create()).status).toBe(201);
			const account = await patch({ spec: { serviceAccountName: 'admin' } });
			expect(account.status).toBe(403);
			expect(account.body.message).toContain('the service account "admin"');
			expect((await patch({ spec: { sync: true } })).status).toBe(200);
			// Labels have no such effect.
			await cluster.request(
				'DELETE',
				`/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles/author`,
			);
			await cluster.request('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`, {
				metadata: { name: 'author' },
				rules: [{ apiGroups: ['envtier.dev'], resources: ['managedsecrets'], verbs: ['*'] }],
			});
			await until('the lesser rights', async () => (await patch({ spec: { sync: false } })).status === 403);
			expect((await patch({ metadata: { labels: { a: 'b' } } })).status).toBe(200);
		});

		test('who edits the namespace by the role that ships with Kubernetes', async () => {
			const roles = await cluster.request<{ items: { metadata: { labels?: object } }[] }>(
				'GET',
				'/apis/rbac.authorization.k8s.io/v1/clusterroles/envtier-managed-secrets-edit',
			);
			expect(roles.body).toMatchObject({
				metadata: { labels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } },
			});
		});
	});

	describe('what a ManagedSecret may say', () => {
		const create = (spec: object, name = 'web') =>
			cluster.request<Answer & { spec?: object }>(
				'POST',
				`${managed(other)}?dryRun=All&fieldValidation=Strict`,
				{
					...{ apiVersion: 'envtier.dev/v1alpha1', kind: 'ManagedSecret', metadata: { name } },
					spec: { deployment: 'shop', serviceAccountName: 'web', ...spec },
				},
			);
		const keys = [{ source: 'A' }];

		test('the least, with its defaults', async () => {
			const { status, body } = await create({ keys });
			expect(status, body.message).toBe(201);
			expect(body.spec).toEqual({
				...{ deployment: 'shop', serviceAccountName: 'web', keys },
				...{ refreshInterval: '1h', sync: false, deletionPolicy: 'Delete' },
			});
		});

		test.for<[string, object, string]>([
			['neither keys nor a prefix', {}, 'set either keys or prefix'],
			['both keys and a prefix', { keys, prefix: { source: 'A' } }, 'set either keys or prefix'],
			['no keys', { keys: [] }, 'spec.keys in body should have at least 1 items'],
			[
				'more keys than fit',
				{ keys: Array.from({ length: 101 }, (_, i) => ({ source: `K${i}` })) },
				'must have at most 100 items',
			],
			[
				'two keys of one name',
				{ keys: [{ source: 'A' }, { source: 'B', name: 'A' }] },
				'two keys have the same name in the Secret',
			],
			['a key that is none', { keys: [{ source: 'a-b' }] }, 'spec.keys[0].source'],
			['a name that a Secret cannot have', { keys: [{ source: 'A', name: '..' }] }, 'spec.keys[0].name'],
			['a deployment that leaves its folder', { keys, deployment: '../other' }, 'spec.deployment'],
			[
				'another type',
				{ keys, target: { type: 'kubernetes.io/service-account-token' } },
				'supported values: "Opaque"',
			],
			[
				'a label of Kubernetes',
				{ keys, target: { labels: { 'app.kubernetes.io/managed-by': 'Helm' } } },
				'are refused',
			],
			[
				'a label below a domain of Kubernetes',
				{ keys, target: { labels: { 'node-role.kubernetes.io/x': '' } } },
				'are refused',
			],
			['a label of k8s.io', { keys, target: { labels: { 'k8s.io/x': '' } } }, 'are refused'],
			[
				'a label of Argo CD',
				{ keys, target: { labels: { 'argocd.argoproj.io/secret-type': 'cluster' } } },
				'are refused',
			],
			[
				'a label of Envtier',
				{ keys, target: { labels: { 'secret.envtier.dev/managed': 'x' } } },
				'are refused',
			],
			['an interval below ten seconds', { keys, refreshInterval: '9s' }, 'refreshInterval is at least 10s'],
			['an interval without a unit', { keys, refreshInterval: '60' }, 'spec.refreshInterval'],
			['no account', { keys, serviceAccountName: undefined }, 'spec.serviceAccountName'],
			[
				'another policy of deletion',
				{ keys, deletionPolicy: 'Keep' },
				'supported values: "Delete", "Retain"',
			],
			['a field that does not exist', { keys, refresh: '1h' }, 'unknown field "spec.refresh"'],
			[
				'a TLS Secret without its keys',
				{ keys, target: { type: 'kubernetes.io/tls' } },
				'needs the keys tls.crt and tls.key',
			],
			[
				'a registry Secret without its key',
				{ keys, target: { type: 'kubernetes.io/dockerconfigjson' } },
				'needs the key .dockerconfigjson',
			],
			[
				'a basic-auth Secret without its keys',
				{ keys, target: { type: 'kubernetes.io/basic-auth' } },
				'needs the key username or password',
			],
			[
				'an SSH Secret without its key',
				{ keys, target: { type: 'kubernetes.io/ssh-auth' } },
				'needs the key ssh-privatekey',
			],
		])('not %s', async ([, spec, message]) => {
			const { status, body } = await create(spec);
			expect(body.message).toContain(message);
			expect([400, 422]).toContain(status);
		});

		test.for<[string, object]>([
			[
				'a label that only looks reserved',
				{ keys, target: { labels: { 'notkubernetes.io/x': 'y', team: 'shop' } } },
			],
			['a hundred keys', { keys: Array.from({ length: 100 }, (_, i) => ({ source: `K${i}` })) }],
			['a name with a dot at its front', { keys: [{ source: 'A', name: '.dockerconfigjson' }] }],
			['a prefix that is taken off', { prefix: { source: 'A_', name: '' } }],
		])('%s', async ([, spec]) => {
			const { status, body } = await create(spec);
			expect(status, body.message).toBe(201);
		});

		test('another Secret later: its name cannot be changed', async () => {
			const body = {
				...{ apiVersion: 'envtier.dev/v1alpha1', kind: 'ManagedSecret', metadata: { name: 'fixed' } },
				spec: { deployment: 'shop', serviceAccountName: 'web', keys },
			};
			expectStatus(await cluster.request('POST', managed(other), body), 201, 'creating it');
			const rename = { spec: { target: { name: 'elsewhere' } } };
			const path = `${managed(other)}/fixed`;
			const answer = await cluster.request<Answer>('PATCH', path, rename, { contentType: MERGE });
			expect(answer.status).toBe(422);
			expect(answer.body.message).toContain('target.name cannot be changed');
			await cluster.request('DELETE', path);
		});

		test('kubectl explains every field, and shows columns', async () => {
			const programs = await preparePrograms(['kubectl']);
			if (!programs.ok) throw new Error(programs.error);
			const kubectl = kubectlFor(programs.value.kubectl, cluster);
			const explained = await mustKubectl(kubectl, 'explain', 'managedsecret.spec', '--recursive=false');
			for (const text of ['Off by default, because it puts values into', 'Either keys or prefix is needed'])
				expect(explained.replaceAll(/\s+/g, ' ')).toContain(text);
			expect(explained).not.toContain('<no description>');
			const all = await mustKubectl(kubectl, 'explain', 'managedsecret', '--recursive');
			for (const field of ['deletionPolicy', 'refreshInterval', 'serviceAccountName', 'conditions'])
				expect(all).toContain(field);
			await mustKubectl(kubectl, 'explain', 'managedsecret.spec.target.type');
			const name = 'columns';
			await cluster.request('POST', managed(other), {
				...{ apiVersion: 'envtier.dev/v1alpha1', kind: 'ManagedSecret', metadata: { name } },
				spec: { deployment: 'shop', serviceAccountName: 'web', keys },
			});
			const table = await mustKubectl(kubectl, 'get', 'mgds', '-n', other, '-o', 'wide');
			expect(table.split('\n')[0]?.split(/ {2,}/)).toEqual([
				'NAME',
				'SECRET',
				'READY',
				'SYNCED',
				'REASON',
				'LAST SYNC',
				'AGE',
				'ACCOUNT',
				'MESSAGE',
			]);
			await cluster.request('DELETE', `${managed(other)}/${name}`);
		});
	});
});
