import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { FAILURE_REASONS } from '../../../controller/managed-secrets/outcome.ts';
import { createObject, type ManifestObject } from '../../support/kubernetes/apply-manifests.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { externalSecretDefinitions } from '../../support/kubernetes/external-secrets.ts';
import { putFields } from '../../support/openbao-setup.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import type { RunningController } from './support/controller.ts';
import { type ManagedSecretFixture, managedSecretFixture, type Tenant } from './support/managed-secrets.ts';

const PAGE = join(import.meta.dirname, '../../../docs/managed-secret-crd.md');

describeWithServers('docs/managed-secret-crd.md', ({ cluster }) => {
	let page: string;
	let objects: readonly ManifestObject[];
	let fixture: ManagedSecretFixture;
	let controller: RunningController;
	let shop: Tenant;
	beforeAll(async () => {
		page = await readFile(PAGE, 'utf8');
		fixture = await managedSecretFixture(cluster);
		controller = await fixture.start();
		shop = await fixture.tenant();
		const blocks = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);
		const own = blocks.join('---\n').replaceAll(/\bnamespace: shop$/gm, `namespace: ${shop.namespace}`);
		objects = parseAllDocuments(own.replaceAll(/\bdeployment: shop$/gm, `deployment: ${shop.namespace}`)).map(
			(document) => document.toJS() as ManifestObject,
		);
		const put = (key: string, value: string, folder: string) =>
			putFields(fixture.bao, `deployments/${shop.namespace}/${folder}/${key}`, { value });
		for (const key of ['SMTP_HOST', 'SMTP_PORT', 'ORDERS_DB_ADMIN_USERNAME', 'ORDERS_DB_ADMIN_PASSWORD'])
			await put(key, key.toLowerCase(), 'secrets');
		await put('REGISTRY_CONFIG', '{"auths":{}}', 'secrets');
		for (const key of ['WEB_SERVER_CERT', 'WEB_SERVER_KEY']) await put(key, 'pem', 'services/api/secrets');
	});
	afterAll(async () => {
		await controller?.stop();
		await fixture?.remove();
	});
	const ofKind = (kind: string): readonly ManifestObject[] => objects.filter((one) => one.kind === kind);

	test.for<[string, string, string, readonly string[]]>([
		['smtp', 'smtp', 'Opaque', ['HOST', 'PORT']],
		['registry', 'registry-credentials', 'kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
		['web-tls', 'web-tls', 'kubernetes.io/tls', ['tls.crt', 'tls.key']],
		['orders-db-admin', 'orders-db-admin', 'kubernetes.io/basic-auth', ['password', 'username']],
	])('the example %s makes the Secret %s', async ([name, secretName, type, keys]) => {
		const example = ofKind('ManagedSecret').find(({ metadata }) => metadata.name === name);
		if (example === undefined) throw new Error('there is no such example');
		// The policies of the tests are for a service of this name.
		const { spec } = example as ManifestObject & { readonly spec: { service?: string } };
		if (spec.service !== undefined) spec.service = 'api';
		await createObject(cluster, example);
		await shop.synced(name);
		const secret = await shop.secret(secretName);
		expect(secret?.type).toBe(type);
		expect(Object.keys(secret?.data ?? {}).sort()).toEqual(keys);
	});

	test('the Ingress names the Secret of its example', async () => {
		const [ingress] = ofKind('Ingress') as readonly (ManifestObject & {
			readonly spec: { readonly tls: readonly { readonly secretName: string }[] };
		})[];
		expect(ingress?.spec.tls[0]?.secretName).toBe('web-tls');
		const path = `/apis/networking.k8s.io/v1/namespaces/${shop.namespace}/ingresses?dryRun=All&fieldValidation=Strict`;
		expectStatus(await cluster.request('POST', path, ingress), 201, 'creating the Ingress');
	});

	test('every ManagedSecret of the page is among the examples', () => {
		expect(ofKind('ManagedSecret')).toHaveLength(4);
	});

	test('every reason is explained', () => {
		const told = [...page.matchAll(/^\| `([A-Z]\w+)`/gm)].map(([, reason]) => reason);
		const all = ['SyncOff', ...Object.keys(FAILURE_REASONS).filter((reason) => reason !== 'Conflict')];
		expect(told.sort()).toEqual(all.sort());
	});

	test('the ExternalSecret is one that the definition of its operator accepts, with paths of Envtier', async () => {
		const definitions = await externalSecretDefinitions();
		if (!definitions.ok) throw new Error(definitions.error);
		for (const definition of definitions.value) {
			// The webhook that converts other versions does not run here.
			Object.assign((definition as ManifestObject & { spec: object }).spec, {
				conversion: { strategy: 'None' },
			});
			await createObject(cluster, definition);
		}
		for (const [kind, plural] of [
			['SecretStore', 'secretstores'],
			['ExternalSecret', 'externalsecrets'],
		] as const) {
			const [object] = ofKind(kind);
			const path = `/apis/external-secrets.io/v1/namespaces/${shop.namespace}/${plural}`;
			await until(`the API of ${kind}`, async () => (await cluster.request('GET', path)).status === 200);
			const made = await cluster.request('POST', `${path}?dryRun=All&fieldValidation=Strict`, object);
			expectStatus(made, 201, `creating the ${kind}`);
		}
		const [external] = ofKind('ExternalSecret') as readonly (ManifestObject & {
			readonly spec: { readonly data: readonly { readonly remoteRef: { readonly key: string } }[] };
		})[];
		expect(external?.spec.data.map(({ remoteRef }) => remoteRef.key)).toEqual([
			'deployments/shop/services/web/secrets/WEB_SERVER_CERT',
			'deployments/shop/services/web/secrets/WEB_SERVER_KEY',
		]);
	});
});
