import type { CoreV1Event, V1Secret } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../../support/http.ts';
import { createObject } from '../../support/kubernetes/apply-manifests.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { samplesOf } from '../../support/metrics.ts';
import { deleteSecret, putFields, writeRole } from '../../support/openbao-setup.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import type { RunningController } from './support/controller.ts';
import {
	CANARY,
	type ManagedSecretFixture,
	managedSecretFixture,
	optInObjects,
	type Tenant,
} from './support/managed-secrets.ts';

const B64 = (value: string): string => Buffer.from(value).toString('base64');

describeWithServers('ManagedSecrets', ({ cluster }) => {
	let fixture: ManagedSecretFixture;
	let controller: RunningController;
	const namespaces: string[] = [];
	beforeAll(async () => {
		fixture = await managedSecretFixture(cluster);
		controller = await fixture.start();
	});
	afterAll(async () => {
		await controller?.stop();
		await fixture?.remove();
	});

	async function tenant(options?: Parameters<ManagedSecretFixture['tenant']>[0]): Promise<Tenant> {
		const made = await fixture.tenant(options);
		namespaces.push(made.namespace);
		return made;
	}
	const eventsOf = async (namespace: string): Promise<readonly CoreV1Event[]> => {
		const path = `/api/v1/namespaces/${namespace}/events`;
		return expectStatus(await cluster.request<{ items: CoreV1Event[] }>('GET', path), 200, 'Events').items;
	};
	const looks = async (result: string): Promise<number> => {
		const series = `envtier_controller_managed_secret_syncs_total{result="${result}"}`;
		return samplesOf((await call({ url: `${controller.url}/metrics` })).text).get(series) ?? 0;
	};

	test('the three tiers are merged, later ones win, and keys get the names that the spec gives them', async () => {
		const shop = await tenant();
		const { namespace } = shop;
		const org = `orgs/${namespace}/secrets`;
		const service = `deployments/${namespace}/services/api/secrets`;
		await shop.put('A', 'of the organization', org);
		await shop.put('B', 'of the organization', org);
		await shop.put('B', 'of the deployment');
		await shop.put('C', 'of the deployment');
		await shop.put('C', 'of the service', service);
		await shop.put('UNSELECTED', 'x');
		const made = await shop.create('web', {
			org: namespace,
			service: 'api',
			keys: [{ source: 'A' }, { source: 'B', name: 'b.txt' }, { source: 'C', name: 'c-value' }],
			target: { labels: { team: 'shop' } },
		});
		const { status } = await shop.synced('web');
		expect(await shop.values('web')).toEqual({
			A: 'of the organization',
			'b.txt': 'of the deployment',
			'c-value': 'of the service',
		});
		const secret = (await shop.secret('web')) as V1Secret;
		expect(secret.type).toBe('Opaque');
		expect(secret.metadata?.labels).toEqual({ team: 'shop', 'secret.envtier.dev/managed': 'true' });
		expect(secret.metadata?.annotations).toMatchObject({ 'secret.envtier.dev/owner': 'web' });
		expect(secret.metadata?.ownerReferences).toMatchObject([
			{ kind: 'ManagedSecret', uid: made.metadata.uid },
		]);
		// By server-side apply, as our field manager.
		expect(secret.metadata?.managedFields).toMatchObject([
			{ manager: 'envtier-controller', operation: 'Apply' },
		]);
		expect(status).toMatchObject({
			observedGeneration: 1,
			syncedGeneration: 1,
			secretName: 'web',
			keys: ['A', 'b.txt', 'c-value'],
			secretVersion: secret.metadata?.resourceVersion,
		});
		expect(status?.conditions?.map(({ type, status: holds }) => `${type}=${holds}`)).toEqual([
			'Ready=True',
			'Synced=True',
		]);
		const [event] = await eventsOf(namespace);
		expect(event).toMatchObject({ reason: 'SecretCreated', type: 'Normal' });
	});

	test('keys by prefix, which may be taken off', async () => {
		const shop = await tenant();
		await shop.put('SMTP_HOST', 'mail');
		await shop.put('SMTP_PORT', '25');
		await shop.put('OTHER', 'x');
		await shop.create('mail', { prefix: { source: 'SMTP_', name: '' } });
		await shop.create('whole', { prefix: { source: 'SMTP_' }, target: { name: 'renamed' } });
		await shop.synced('mail');
		await shop.synced('whole');
		expect(await shop.values('mail')).toEqual({ HOST: 'mail', PORT: '25' });
		expect(await shop.values('renamed')).toEqual({ SMTP_HOST: 'mail', SMTP_PORT: '25' });
	});

	test('sync is off unless the spec says otherwise: the condition says what would be written, and nothing is', async () => {
		const shop = await tenant();
		await shop.put('A', 'a');
		await shop.create('web', { keys: [{ source: 'A', name: 'a' }], sync: undefined });
		const { message } = await shop.condition('web', 'Synced', 'SyncOff');
		expect(message).toContain(
			'spec.sync is off: nothing is written. With "sync: true" the Secret web gets a,',
		);
		expect(await shop.secret('web')).toBeUndefined();
		await shop.patch('web', { spec: { sync: true } });
		await shop.synced('web');
		expect(await shop.values('web')).toEqual({ a: 'a' });
		// Switched off again, the Secret stays as it is, and is not brought back.
		await shop.patch('web', { spec: { sync: false } });
		await shop.condition('web', 'Synced', 'SyncOff');
		expect(await shop.values('web')).toEqual({ a: 'a' });
	});

	test('a change in Vault comes with the next look, and a changed spec at once', async () => {
		const shop = await tenant();
		await shop.put('A', 'one');
		await shop.put('B', 'b');
		await shop.create('web', {
			keys: [{ source: 'A' }],
			refreshInterval: '10s',
			target: { labels: { team: 'shop' } },
		});
		await shop.synced('web');
		await shop.put('A', 'two');
		await until('the new value', async () => (await shop.values('web'))?.['A'] === 'two');
		await shop.patch('web', { spec: { keys: [{ source: 'B' }], target: { labels: null } } });
		await until('the new key', async () => (await shop.values('web'))?.['B'] === 'b');
		// What is no longer asked for is taken off.
		expect(await shop.values('web')).toEqual({ B: 'b' });
		expect((await shop.secret('web'))?.metadata?.labels).toEqual({ 'secret.envtier.dev/managed': 'true' });
		expect((await eventsOf(shop.namespace)).map(({ reason }) => reason)).toContain('SecretUpdated');
	});

	test('a Secret that somebody deletes is created again', async () => {
		const shop = await tenant();
		await shop.put('A', 'a');
		await shop.create('web', { keys: [{ source: 'A' }] });
		await shop.synced('web');
		await cluster.request('DELETE', `/api/v1/namespaces/${shop.namespace}/secrets/web`);
		await until('the Secret', async () => (await shop.values('web'))?.['A'] === 'a');
		await until('an Event', async () =>
			(await eventsOf(shop.namespace)).some(({ reason }) => reason === 'SecretRestored'),
		);
	});

	test('a value that another field manager changes is written again; keys and labels of others stay', async () => {
		const shop = await tenant();
		await shop.put('A', 'a');
		await shop.create('web', { keys: [{ source: 'A' }] });
		await shop.synced('web');
		await shop.patchSecret('web', {
			metadata: { labels: { foreign: 'label' }, annotations: { foreign: 'annotation' } },
			data: { A: B64('changed'), FOREIGN: B64('theirs') },
		});
		await until('our value', async () => (await shop.values('web'))?.['A'] === 'a');
		expect(await shop.values('web')).toEqual({ A: 'a', FOREIGN: 'theirs' });
		const { metadata } = (await shop.secret('web')) as V1Secret;
		expect(metadata?.labels?.['foreign']).toBe('label');
		expect(metadata?.annotations?.['foreign']).toBe('annotation');
		// A further key of theirs is looked at and changes nothing.
		const before = await looks('unchanged');
		await shop.patchSecret('web', { data: { FOREIGN_2: B64('theirs') } });
		await until('a look', async () => (await looks('unchanged')) > before);
		expect(Object.keys((await shop.values('web')) ?? {})).toEqual(['A', 'FOREIGN', 'FOREIGN_2']);
	});

	test('a Secret of somebody else is left alone, unless its annotation says that it may be taken over', async () => {
		const shop = await tenant();
		await shop.put('A', 'a');
		const path = `/api/v1/namespaces/${shop.namespace}/secrets`;
		const theirs = { metadata: { name: 'web' }, data: { A: B64('theirs'), FOREIGN: B64('theirs') } };
		expectStatus(await cluster.request('POST', path, theirs), 201, 'a Secret of somebody else');
		await shop.create('web', { keys: [{ source: 'A' }] });
		const { message } = await shop.condition('web', 'Synced', 'SecretNotOwned');
		const annotation = 'secret.envtier.dev/adopt';
		expect(message).toContain(`kubectl annotate secret web -n ${shop.namespace} ${annotation}=web`);
		expect(await shop.values('web')).toEqual({ A: 'theirs', FOREIGN: 'theirs' });
		expect((await shop.secret('web'))?.metadata?.annotations).toBeUndefined();
		// The annotation must name this ManagedSecret.
		await shop.patchSecret('web', { metadata: { annotations: { [annotation]: 'other' } } });
		await shop.patch('web', { spec: { refreshInterval: '2h' } });
		await shop.condition('web', 'Synced', 'SecretNotOwned');
		expect((await shop.values('web'))?.['A']).toBe('theirs');
		await shop.patchSecret('web', { metadata: { annotations: { [annotation]: 'web' } } });
		await shop.patch('web', { spec: { refreshInterval: '3h' } });
		await shop.synced('web');
		expect(await shop.values('web')).toEqual({ A: 'a', FOREIGN: 'theirs' });
		// It was there before, so Kubernetes must not delete it with the ManagedSecret.
		expect((await shop.secret('web'))?.metadata?.ownerReferences).toBeUndefined();
		expect((await shop.condition('web', 'Ready', 'SecretWritten')).message).toContain('it was there before');
	});

	test('a second ManagedSecret does not take the Secret of the first', async () => {
		const shop = await tenant();
		await shop.put('A', 'a');
		await shop.create('first', { keys: [{ source: 'A' }], target: { name: 'shared' } });
		await shop.synced('first');
		await shop.create('second', { keys: [{ source: 'A', name: 'B' }], target: { name: 'shared' } });
		const { message } = await shop.condition('second', 'Synced', 'SecretNotOwned');
		expect(message).toContain('belongs to the ManagedSecret first');
		expect(await shop.values('shared')).toEqual({ A: 'a' });
	});

	test('a key of somebody else in our Secret is not overwritten', async () => {
		const shop = await tenant();
		await shop.put('A', 'a');
		await shop.put('B', 'b');
		await shop.create('web', { keys: [{ source: 'A' }] });
		await shop.synced('web');
		await shop.patchSecret('web', { data: { B: B64('theirs') } });
		await shop.patch('web', { spec: { keys: [{ source: 'A' }, { source: 'B' }] } });
		const { message } = await shop.condition('web', 'Synced', 'KeysTaken');
		expect(message).toContain('has B from somebody else');
		expect(await shop.values('web')).toEqual({ A: 'a', B: 'theirs' });
		// The Secret is still that of the earlier spec.
		expect(await shop.condition('web', 'Ready', 'KeysTaken')).toMatchObject({ status: 'False' });
		await shop.patchSecret('web', { data: { B: null } });
		await until('ours', async () => (await shop.values('web'))?.['B'] === 'b');
	});

	const config = JSON.stringify({ auths: { 'registry.example': { auth: 'x' } } });
	test.for<[string, Readonly<Record<string, string>>]>([
		['Opaque', { ANY: 'x' }],
		['kubernetes.io/tls', { 'tls.crt': 'certificate', 'tls.key': 'key' }],
		['kubernetes.io/dockerconfigjson', { '.dockerconfigjson': config }],
		['kubernetes.io/basic-auth', { username: 'u', password: 'p' }],
		['kubernetes.io/ssh-auth', { 'ssh-privatekey': 'key' }],
	])('a Secret of the type %s', async ([type, values]) => {
		const shop = await tenant();
		const folder = `deployments/${shop.namespace}/secrets`;
		const entries = Object.entries(values);
		for (const [i, [, value]] of entries.entries())
			await putFields(fixture.bao, `${folder}/KEY_${i}`, { value });
		const keys = entries.map(([name], i) => ({ source: `KEY_${i}`, name }));
		await shop.create('typed', { keys, target: { type } });
		await shop.synced('typed');
		expect((await shop.secret('typed'))?.type).toBe(type);
		expect(await shop.values('typed')).toEqual(values);
	});

	test('another type needs a new Secret: nothing is deleted, and the condition says what to do', async () => {
		const shop = await tenant();
		await shop.put('A', 'a');
		await shop.create('web', { keys: [{ source: 'A', name: 'password' }] });
		await shop.synced('web');
		await shop.patch('web', { spec: { target: { type: 'kubernetes.io/basic-auth' } } });
		const { message } = await shop.condition('web', 'Synced', 'TypeDiffers');
		expect(message).toContain(`kubectl delete secret web -n ${shop.namespace}`);
		expect((await shop.secret('web'))?.type).toBe('Opaque');
		await cluster.request('DELETE', `/api/v1/namespaces/${shop.namespace}/secrets/web`);
		await until('the new type', async () => (await shop.secret('web'))?.type === 'kubernetes.io/basic-auth');
	});

	test('an immutable Secret stays; with other values in Vault the condition says what to do', async () => {
		const shop = await tenant();
		await shop.put('A', 'one');
		await shop.create('web', { keys: [{ source: 'A' }] });
		await shop.synced('web');
		await shop.patchSecret('web', { immutable: true });
		await shop.patch('web', { spec: { refreshInterval: '2h' } });
		await shop.synced('web');
		await shop.put('A', 'two');
		await shop.patch('web', { spec: { refreshInterval: '3h' } });
		const { message } = await shop.condition('web', 'Synced', 'SecretImmutable');
		expect(message).toContain('kubectl delete secret web');
		expect(await shop.values('web')).toEqual({ A: 'one' });
	});

	test('deletionPolicy: Delete makes the ManagedSecret an owner, Retain does not, and both can be changed', async () => {
		const shop = await tenant();
		await shop.put('A', 'a');
		await shop.create('web', { keys: [{ source: 'A' }], deletionPolicy: 'Retain' });
		await shop.synced('web');
		const owners = async () => (await shop.secret('web'))?.metadata?.ownerReferences;
		expect(await owners()).toBeUndefined();
		const { metadata } = await shop.patch('web', { spec: { deletionPolicy: 'Delete' } });
		await until('an owner', async () => (await owners())?.[0]?.uid === metadata.uid);
		await shop.patch('web', { spec: { deletionPolicy: 'Retain' } });
		await until('no owner', async () => (await owners()) === undefined);
		// No finalizer holds it: the controller need not run for a deletion.
		expect((await shop.get('web')).metadata.finalizers).toBeUndefined();
		await shop.remove('web');
		expect(await shop.values('web')).toEqual({ A: 'a' });
		// A new one of the same name goes on with its Secret.
		await shop.create('web', { keys: [{ source: 'A' }] });
		await shop.synced('web');
		expect((await owners())?.[0]?.uid).toBe((await shop.get('web')).metadata.uid);
	});

	test('a namespace that has not opted in gets no Secret, and the condition says how it does', async () => {
		const shop = await tenant({ optIn: false });
		await shop.put('A', 'a');
		await shop.create('web', { keys: [{ source: 'A' }] });
		const { message } = await shop.condition('web', 'Synced', 'NotOptedIn');
		expect(message).toContain(
			`deploy/vault/setup.sh managed-secrets --namespace ${shop.namespace} --account web`,
		);
		expect(await shop.secret('web')).toBeUndefined();
		// The very command.
		for (const object of await optInObjects(shop.namespace, ['web'])) await createObject(cluster, object);
		await shop.synced('web');
		// Another account of the namespace is not in the Role.
		await cluster.createServiceAccount(shop.namespace, 'other');
		await shop.create('other', { serviceAccountName: 'other', keys: [{ source: 'A' }] });
		expect((await shop.condition('other', 'Synced', 'NotOptedIn')).message).toContain('account other');
	});

	test('Vault decides: an account without a role, and a role without a policy, get nothing', async () => {
		const shop = await tenant();
		await shop.put('A', 'a');
		await shop.create('role', { role: 'no-such-role', keys: [{ source: 'A' }] });
		expect((await shop.condition('role', 'Synced', 'LoginRefused')).message).toContain(
			'deploy/vault/setup.sh role no-such-role',
		);
		await writeRole(fixture.bao, 'kubernetes', `${shop.namespace}-bare`, {
			bound_service_account_names: 'web',
			bound_service_account_namespaces: shop.namespace,
			audience: 'vault',
		});
		await shop.create('bare', { role: `${shop.namespace}-bare`, keys: [{ source: 'A' }] });
		expect((await shop.condition('bare', 'Synced', 'ReadRefused')).message).toContain(
			`path "secret/metadata/deployments/${shop.namespace}/secrets/" { capabilities = ["list"] }`,
		);
		// The deployment of another namespace.
		const other = await tenant();
		await other.put('A', 'a');
		await shop.create('foreign', { deployment: other.namespace, keys: [{ source: 'A' }] });
		await shop.condition('foreign', 'Synced', 'ReadRefused');
		for (const name of ['role', 'bare', 'foreign']) expect(await shop.secret(name)).toBeUndefined();
	});

	test.for<[string, string, object, RegExp]>([
		[
			'a key that no tier has',
			'KeysMissing',
			{ keys: [{ source: 'A' }, { source: 'MISSING' }] },
			/MISSING is in none of the tiers/,
		],
		[
			'a prefix that no key has',
			'KeysMissing',
			{ prefix: { source: 'NONE_' } },
			/a key that begins with NONE_/,
		],
		[
			'a prefix whose removal leaves two equal names',
			'NamesClash',
			{ keys: undefined, prefix: { source: 'A', name: '' } },
			/which is not a name/,
		],
		[
			'an account that does not exist',
			'AccountMissing',
			{ serviceAccountName: 'gone', keys: [{ source: 'A' }] },
			/service account gone does not exist/,
		],
		[
			'a value that is no text',
			'ValueUnusable',
			{ keys: [{ source: 'NUMBER' }] },
			/NUMBER of the deployment tier has no text/,
		],
		[
			'values that a Secret cannot hold',
			'TooLarge',
			{ keys: [{ source: 'A' }, { source: 'LARGE_1' }, { source: 'LARGE_2' }] },
			/a Secret holds 1048576/,
		],
		[
			'keys that the type does not have',
			'TypeUnsatisfied',
			{ prefix: { source: 'A' }, target: { type: 'kubernetes.io/tls' } },
			/needs tls.crt and tls.key/,
		],
		[
			'a registry configuration that is no JSON',
			'TypeUnsatisfied',
			{
				keys: [{ source: 'A', name: '.dockerconfigjson' }],
				target: { type: 'kubernetes.io/dockerconfigjson' },
			},
			/is not JSON/,
		],
	])('%s: the reason %s', async ([, reason, spec, message]) => {
		const shop = await tenant({ optIn: false });
		await shop.optIn('web', 'gone');
		await shop.put('A', 'a');
		const folder = `deployments/${shop.namespace}/secrets`;
		await putFields(fixture.bao, `${folder}/NUMBER`, { value: 7 });
		if (reason === 'TooLarge') for (const i of [1, 2]) await shop.put(`LARGE_${i}`, 'x'.repeat(600_000));
		await shop.create('web', spec);
		expect((await shop.condition('web', 'Synced', reason)).message).toMatch(message);
		expect(await shop.condition('web', 'Ready', reason)).toMatchObject({ status: 'False' });
		expect(await shop.secret('web')).toBeUndefined();
	});

	test('a key that is deleted in Vault: the last Secret stays until the spec is right', async () => {
		const shop = await tenant();
		await shop.put('A', 'a');
		await shop.put('B', 'b');
		await shop.create('web', { keys: [{ source: 'A' }, { source: 'B' }], refreshInterval: '10s' });
		await shop.synced('web');
		await deleteSecret(fixture.bao, `deployments/${shop.namespace}/secrets/B`);
		await shop.condition('web', 'Synced', 'KeysMissing');
		expect(await shop.values('web')).toEqual({ A: 'a', B: 'b' });
		expect(await shop.condition('web', 'Ready', 'SecretKept')).toMatchObject({ status: 'True' });
	});

	test('the organization is that of the namespace’s label, as for pods', async () => {
		const shop = await tenant();
		await shop.put('A', 'of the organization', `orgs/${shop.namespace}/secrets`);
		await cluster.request(
			'PATCH',
			`/api/v1/namespaces/${shop.namespace}`,
			{ metadata: { labels: { 'envtier.dev/org': shop.namespace } } },
			{ contentType: 'application/merge-patch+json' },
		);
		await shop.create('web', { keys: [{ source: 'A' }] });
		await shop.synced('web');
		expect(await shop.values('web')).toEqual({ A: 'of the organization' });
	});

	test('no value, token or JWT is in a log, an Event or a ManagedSecret', async () => {
		const { body } = await cluster.request<unknown>('GET', '/apis/envtier.dev/v1alpha1/managedsecrets');
		const events = await Promise.all(namespaces.map(eventsOf));
		const told = [controller.process.stdout(), controller.process.stderr(), JSON.stringify([body, events])];
		expect(namespaces.length).toBeGreaterThan(10);
		expect(controller.process.stdout()).toContain('SecretCreated');
		for (const text of told) {
			expect(text).not.toContain(CANARY);
			expect(text).not.toContain(B64(CANARY).slice(0, 12));
			expect(text).not.toMatch(/eyJ[\w-]{8,}\.|\b(?:hv[sbr]|s)\.[\w-]{20,}/);
		}
	});
});
