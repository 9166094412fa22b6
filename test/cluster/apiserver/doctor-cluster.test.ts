import type { V1MutatingWebhook } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { envtier, SOURCES } from '../../cli/support/command.ts';
import {
	diagnose,
	type Fixture,
	impostor,
	kubeconfigFor,
	lineOf,
	startFixture,
} from '../../cli/support/doctor.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { describeWithServers } from '../../support/servers.ts';
import { makeAuthority } from '../../support/tls.ts';
import { until } from '../../support/until.ts';
import { installManagedSecrets } from './support/managed-secrets.ts';
import { keepsNativeVariables, minorOf, problemsOf } from './support/version.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

// Servers of its own: what the doctor is to find wrong must be broken first.
describeWithServers('envtier doctor on a cluster', () => {
	let fixture: Fixture;
	beforeAll(async () => {
		fixture = await startFixture();
	});
	afterAll(() => fixture?.stop());

	/**
	 * The API server follows a changed webhook configuration with a delay: runs the doctor until it reports the
	 * change.
	 */
	const eventually = async (id: string, wanted: RegExp, args: readonly string[] = []) => {
		let last = '';
		const found = await until(`the doctor to say ${id}: ${wanted}`, async () => {
			const diagnosis = await diagnose(fixture, args);
			last = lineOf(diagnosis, id);
			return wanted.test(last) ? diagnosis : undefined;
		}).catch((error) => {
			throw new Error(`${error.message}; it says ${last}`);
		});
		return found;
	};

	test('finds nothing wrong where nothing is', async () => {
		await fixture.register();
		const diagnosis = await eventually('admission', /^ok/);
		expect(problemsOf(diagnosis.checks, await minorOf(fixture.cluster))).toEqual([]);
		expect(diagnosis.code).toBe(0);
		const ids = diagnosis.checks.map(({ id }) => id);
		for (const id of [
			'kubernetes-version',
			'webhook-configuration',
			'ca-bundle',
			'serving-certificate',
			'admission',
			'vault',
			'vault-login',
			'vault-kv',
			'tier-org',
			'tier-deployment',
			'tier-service',
			'vault-revoke',
		])
			expect(ids).toContain(id);
		expect(lineOf(diagnosis, 'serving-certificate')).toMatch(/valid for (?:\d+ hours|\d+ days) more/);
		expect(lineOf(diagnosis, 'tier-service')).toContain(
			'has 1 key, and can be listed and read at secret/metadata/deployments/shop/services/web/secrets',
		);
	});

	test('shows the same to people, a line each, without colours in a pipe', async () => {
		await fixture.register();
		const { stdout, code } = await until('the webhook configuration', async () => {
			const ended = await envtier([
				'doctor',
				'--kubeconfig',
				fixture.cluster.kubeconfig,
				'--namespace',
				fixture.namespace,
			]);
			return ended.stdout.includes('ok    admission: ') ? ended : undefined;
		});
		expect(code).toBe(0);
		expect(stdout).toMatch(/^Cluster\n {2}ok {4}cluster: https:/);
		expect(stdout).toContain('\n  skip  vault-login: not tried: --deployment and --service-account select');
		const warnings = keepsNativeVariables(await minorOf(fixture.cluster)) ? '0 warnings' : '1 warnings';
		expect(stdout).toMatch(new RegExp(`\\n\\n\\d+ ok, ${warnings}, 0 failed, 3 skipped\\n$`));
	});

	test('warns of ManagedSecrets that fail, and of policies that are missing', async () => {
		const { cluster, namespace } = fixture;
		await installManagedSecrets(cluster);
		const path = `/apis/envtier.dev/v1alpha1/namespaces/${namespace}/managedsecrets`;
		const body = {
			...{ apiVersion: 'envtier.dev/v1alpha1', kind: 'ManagedSecret', metadata: { name: 'tls' } },
			spec: { deployment: 'shop', serviceAccountName: 'web', keys: [{ source: 'A' }] },
		};
		expectStatus(await cluster.request('POST', path, body), 201, 'creating a ManagedSecret');
		const fresh = await diagnose(fixture, []);
		expect(lineOf(fresh, 'managed-secrets')).toContain(`${namespace}/tls no controller has looked at it`);
		expect(lineOf(fresh, 'managed-secret-policies')).toMatch(/^ok/);
		const condition = {
			...{ type: 'Synced', status: 'False', reason: 'LoginRefused', message: 'role', observedGeneration: 1 },
			lastTransitionTime: new Date().toISOString(),
		};
		const status = { status: { conditions: [condition] } };
		const merge = { contentType: 'application/merge-patch+json' };
		expectStatus(await cluster.request('PATCH', `${path}/tls/status`, status, merge), 200, 'its status');
		const bindings = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';
		await cluster.request('DELETE', `${bindings}/envtier-controller-tokens`);
		const failing = await diagnose(fixture, []);
		expect(lineOf(failing, 'managed-secrets')).toMatch(/^warn: 1 of 1 .*tls LoginRefused/);
		expect(lineOf(failing, 'managed-secret-policies')).toMatch(
			/^warn: .*does not enforce envtier-controller-tokens:/,
		);
		const definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/managedsecrets.envtier.dev';
		await cluster.request('DELETE', definition);
		await until('no checks', async () => {
			const { checks } = await diagnose(fixture, []);
			return checks.every(({ id }) => !id.startsWith('managed-secret'));
		});
	});

	test('the command from its sources says the same, with a certificate and with a token to sign in', async () => {
		await fixture.register();
		const before = await eventually('admission', /^ok/);
		const { checks, code } = await diagnose(fixture, [], SOURCES);
		expect([checks, code]).toEqual([before.checks, 0]);
		const token = await kubeconfigFor(fixture, await fixture.cluster.token(fixture.namespace, 'web'));
		const limited = await diagnose(fixture, ['--kubeconfig', token], SOURCES);
		expect(lineOf(limited, 'cluster')).toMatch(/^ok/);
	}, 180_000);

	test('the webhook is not registered', async () => {
		await fixture.register('none');
		const diagnosis = await eventually(
			'admission',
			/^fail: .*refused by the policy that requires injection: the webhook was not asked/,
		);
		expect(lineOf(diagnosis, 'webhook-configuration')).toMatch(
			/^fail: no MutatingWebhookConfiguration .*apply it: kubectl/,
		);
		expect(lineOf(diagnosis, 'vault')).toMatch(/^skip/);
		expect(diagnosis.code).toBe(1);
	});

	test('the policy that requires injection is gone, or only tells', async () => {
		const path =
			'/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/envtier-require-injection';
		const { body: binding } = await fixture.cluster.request<{ spec: object; metadata: { name: string } }>(
			'GET',
			path,
		);
		await fixture.cluster.request('DELETE', path);
		await fixture.register('none');
		const gone = await eventually('admission', /^fail: .*created without them: the webhook was not asked/);
		expect(lineOf(gone, 'require-injection')).toMatch(
			/^warn: there is no policy that requires injection.*apply it/,
		);
		const make = (validationActions: readonly string[]) =>
			fixture.cluster.request('POST', path.replace(/\/envtier-require-injection$/, ''), {
				...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicyBinding' },
				...{ metadata: { name: 'envtier-require-injection' }, spec: { ...binding.spec, validationActions } },
			});
		expectStatus(await make(['Audit']), 201, 'a binding that only tells');
		expect(lineOf(await diagnose(fixture), 'require-injection')).toMatch(/^warn: .*refuses nothing/);
		await fixture.cluster.request('DELETE', path);
		expectStatus(await make(['Deny', 'Audit']), 201, 'the binding as it was');
		expect(lineOf(await diagnose(fixture), 'require-injection')).toMatch(/^ok/);
	});

	test('the policy about ephemeral containers is not bound, bound to another one, only tells, or is gone', async () => {
		await fixture.register();
		const name = 'envtier-ephemeral-containers';
		const group = '/apis/admissionregistration.k8s.io/v1';
		const bindings = `${group}/validatingadmissionpolicybindings`;
		const policies = `${group}/validatingadmissionpolicies`;
		const said = async () => lineOf(await diagnose(fixture), 'ephemeral-containers');
		const { body: binding } = await fixture.cluster.request<{ spec: object }>('GET', `${bindings}/${name}`);
		const { body: policy } = await fixture.cluster.request<{ spec: object }>('GET', `${policies}/${name}`);
		const bind = async (spec: object): Promise<void> => {
			await fixture.cluster.request('DELETE', `${bindings}/${name}`);
			const body = {
				...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicyBinding' },
				...{ metadata: { name }, spec: { ...binding.spec, ...spec } },
			};
			expectStatus(await fixture.cluster.request('POST', bindings, body), 201, 'the binding');
		};
		expect(await said()).toMatch(/^ok: the API server refuses ephemeral containers/);
		await bind({ policyName: 'envtier-require-injection' });
		expect(await said()).toMatch(/^warn: the binding .* binds another policy/);
		await bind({ validationActions: ['Warn'] });
		expect(await said()).toMatch(/^warn: .*refuses nothing/);
		await fixture.cluster.request('DELETE', `${bindings}/${name}`);
		expect(await said()).toMatch(
			/^warn: there is no policy about ephemeral containers .*kubectl debug can read.*ephemeralContainers\.enabled/,
		);
		await fixture.cluster.request('DELETE', `${policies}/${name}`);
		await bind({});
		expect(await said()).toMatch(/^warn: there is no policy about ephemeral containers/);
		const body = {
			...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy' },
			...{ metadata: { name }, spec: policy.spec },
		};
		expectStatus(await fixture.cluster.request('POST', policies, body), 201, 'the policy');
		expect(await said()).toMatch(/^ok/);
	}, 120_000);

	const changed: readonly (readonly [string, (webhook: V1MutatingWebhook) => void, string, RegExp])[] = [
		[
			'rules that miss the creation of pods',
			(webhook) => {
				webhook.rules = [
					{ apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['pods'] },
				];
			},
			'webhook-configuration-rules',
			/^fail: no rule shows the webhook the creation of pods.*CREATE of pods/,
		],
		[
			'rules that reach further',
			(webhook) => {
				webhook.rules = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] }];
			},
			'webhook-configuration-rules',
			/^warn: .*more than the creation of pods/,
		],
		[
			'no matchConditions',
			(webhook) => {
				webhook.matchConditions = [];
			},
			'webhook-configuration-match-conditions',
			/^fail: .*no pod at all can be created/,
		],
		[
			'another matchCondition',
			(webhook) => {
				webhook.matchConditions = [{ name: 'mine', expression: 'object.metadata.name != "x"' }];
			},
			'webhook-configuration-match-conditions',
			/^warn: .*"mine" stand in the place/,
		],
		[
			'failurePolicy Ignore',
			(webhook) => {
				webhook.failurePolicy = 'Ignore';
			},
			'webhook-configuration-failure-policy',
			/^fail: failurePolicy is Ignore.*set failurePolicy to Fail/,
		],
		[
			'system namespaces that are not excluded',
			(webhook) => {
				webhook.namespaceSelector = {};
			},
			'webhook-configuration-namespaces',
			/^warn: .*does not exclude kube-system, .*envtier-system/,
		],
		[
			'the namespace that is asked about among the excluded ones',
			(webhook) => {
				webhook.namespaceSelector?.matchExpressions?.[0]?.values?.push(fixture.namespace);
			},
			'webhook-configuration-namespaces',
			/^fail: namespace \S+ is excluded: its pods start without their secrets/,
		],
		[
			'a narrower namespaceSelector',
			(webhook) => {
				webhook.namespaceSelector = { ...webhook.namespaceSelector, matchLabels: { team: 'blue' } };
			},
			'webhook-configuration-namespaces',
			/^warn: .*narrows which namespaces/,
		],
		[
			'an objectSelector',
			(webhook) => {
				webhook.objectSelector = { matchLabels: { inject: 'yes' } };
			},
			'webhook-configuration-objects',
			/^warn: an objectSelector narrows/,
		],
		[
			'sideEffects that are not true',
			(webhook) => {
				webhook.sideEffects = 'None';
			},
			'webhook-configuration-call',
			/^warn: sideEffects is None,/,
		],
		[
			'a long timeout',
			(webhook) => {
				webhook.timeoutSeconds = 30;
			},
			'webhook-configuration-call',
			/^warn: timeoutSeconds is 30, not 5/,
		],
		[
			'reinvocationPolicy Never',
			(webhook) => {
				webhook.reinvocationPolicy = 'Never';
			},
			'webhook-configuration-call',
			/^warn: reinvocationPolicy is Never/,
		],
		[
			'an empty caBundle',
			(webhook) => {
				delete webhook.clientConfig.caBundle;
			},
			'ca-bundle',
			/^fail: the caBundle is empty/,
		],
	];
	test.each(changed)('%s', async (_sentence, change, id, wanted) => {
		await fixture.register(change);
		const diagnosis = await diagnose(fixture);
		expect(lineOf(diagnosis, id)).toMatch(wanted);
		if (lineOf(diagnosis, id).startsWith('fail')) expect(diagnosis.code).toBe(1);
	});

	test('--strict fails on what is only to be looked at', async () => {
		await fixture.register((webhook) => {
			webhook.timeoutSeconds = 10;
		});
		const lax = await eventually('admission', /^ok/);
		expect(lax.code).toBe(0);
		expect((await diagnose(fixture, ['--strict'])).code).toBe(1);
	});

	test('the caBundle is of another CA', async () => {
		const other = await makeAuthority();
		await fixture.register((webhook) => {
			webhook.clientConfig.caBundle = base64(other.certPem);
		});
		const diagnosis = await eventually(
			'admission',
			/^fail: .*cannot call the webhook.*caBundle of the webhook configuration is not the CA/,
		);
		expect(lineOf(diagnosis, 'ca-bundle')).toMatch(/^ok/);
		expect(lineOf(diagnosis, 'serving-certificate')).toMatch(/^fail: .*not signed by a CA of the caBundle/);
		expect(diagnosis.code).toBe(1);
	});

	const hour = 3_600_000;
	test.each([
		[
			'has expired',
			{ expired: true as const },
			/^fail: .* expired on /,
			/^fail: .*renew the webhook’s serving certificate/,
		],
		[
			'is for another name',
			{ names: ['elsewhere.example'] },
			/^fail: .*not for the name 127\.0\.0\.1/,
			/^fail: .*issue a serving certificate for the name/,
		],
		[
			'nears its end',
			{ notBefore: new Date(Date.now() - 100 * hour), notAfter: new Date(Date.now() + 3 * hour) },
			/^warn: .*ends in (?:2 hours|3 hours|179 minutes)/,
			/^fail: .*refused by the policy that requires injection: the webhook was not asked/,
		],
	])('the serving certificate %s', async (_sentence, leaf, certificate, admission) => {
		const authority = await makeAuthority();
		const server = await impostor(await authority.issue(leaf));
		try {
			await fixture.register((webhook) => {
				webhook.clientConfig = { url: `${server.url}/mutate`, caBundle: base64(authority.certPem) };
			});
			const diagnosis = await eventually('admission', admission);
			expect(lineOf(diagnosis, 'serving-certificate')).toMatch(certificate);
		} finally {
			await server.stop();
		}
	});

	test('nobody listens where the webhook should be', async () => {
		const authority = await makeAuthority();
		const server = await impostor(await authority.issue());
		await server.stop();
		await fixture.register((webhook) => {
			webhook.clientConfig = { url: `${server.url}/mutate`, caBundle: base64(authority.certPem) };
		});
		const diagnosis = await eventually(
			'admission',
			/^fail: .*refused.*the API server does not reach the webhook/,
		);
		expect(lineOf(diagnosis, 'serving-certificate')).toMatch(/^skip: .*nobody listens there/);
	});

	test('a webhook configuration that calls a Service: its Secret, its Service, its endpoints', async () => {
		const namespace = await fixture.cluster.createNamespace({ prefix: 'system-' });
		const authority = await makeAuthority();
		await fixture.register((webhook) => {
			webhook.clientConfig = {
				service: { namespace, name: 'hook', path: '/mutate' },
				caBundle: base64(authority.certPem),
			};
		});
		const missing = await eventually(
			'admission',
			/^fail: .*Service that the webhook configuration calls does not exist/,
		);
		expect(lineOf(missing, 'webhook-endpoints')).toMatch(/^fail: .*which does not exist/);
		expect(lineOf(missing, 'serving-certificate')).toMatch(/^fail: there is no Secret /);

		const core = `/api/v1/namespaces/${namespace}`;
		const service = { metadata: { name: 'hook' }, spec: { ports: [{ name: 'https', port: 443 }] } };
		expectStatus(await fixture.cluster.request('POST', `${core}/services`, service), 201, 'the Service');
		const pair = await authority.issue({ names: [`hook.${namespace}.svc`] });
		const secret = {
			metadata: { name: 'envtier-webhook-tls' },
			type: 'kubernetes.io/tls',
			data: { 'tls.crt': base64(pair.certPem), 'tls.key': base64(pair.keyPem) },
		};
		expectStatus(await fixture.cluster.request('POST', `${core}/secrets`, secret), 201, 'the Secret');
		const empty = await eventually('webhook-endpoints', /^fail: .*no ready endpoint \(0 in all\)/);
		expect(lineOf(empty, 'serving-certificate')).toMatch(
			/^ok: the certificate in Secret .* is signed by the caBundle/,
		);
		expect(empty.stdout).not.toContain('PRIVATE KEY');

		const slice = {
			metadata: { name: 'hook-1', labels: { 'kubernetes.io/service-name': 'hook' } },
			addressType: 'IPv4',
			endpoints: [{ addresses: ['192.0.2.1'] }, { addresses: ['192.0.2.2'], conditions: { ready: false } }],
			ports: [{ name: 'https', port: 8443 }],
		};
		const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
		expectStatus(await fixture.cluster.request('POST', slices, slice), 201, 'the EndpointSlice');
		expect(lineOf(await diagnose(fixture), 'webhook-endpoints')).toMatch(
			/^warn: .*1 of 2 endpoints ready.*two replicas/,
		);
	});

	test('a user without rights learns what could not be looked at', async () => {
		await fixture.register();
		await eventually('admission', /^ok/);
		const nobody = await kubeconfigFor(fixture, await fixture.cluster.token(fixture.namespace, 'web'));
		const { checks, code } = await diagnose(fixture, ['--kubeconfig', nobody]);
		expect(checks.map(({ id, status }) => `${id} ${status}`)).toEqual([
			'cluster ok',
			'kubernetes-version ok',
			`native-env ${keepsNativeVariables(await minorOf(fixture.cluster)) ? 'ok' : 'warn'}`,
			'webhook-configuration skip',
			'plain-pods skip',
			'require-injection skip',
			'ephemeral-containers skip',
			'admission skip',
			'reveal skip',
			'rotation skip',
			'vault skip',
		]);
		expect(code).toBe(0);
	});

	test('a service account and a namespace that do not exist', async () => {
		const account = await diagnose(fixture, ['--service-account', 'nobody']);
		expect(lineOf(account, 'admission')).toMatch(/^fail: .*nobody.*not found.*--service-account/);
		const namespace = await diagnose(fixture, ['--namespace', 'nowhere']);
		expect(lineOf(namespace, 'admission')).toMatch(/^fail: .*nowhere.* not found/);
	});

	test('an API server that does not answer, and one that does not know us', async () => {
		const stranger = await kubeconfigFor(fixture, 'not-a-token');
		const unknown = await diagnose(fixture, ['--kubeconfig', stranger]);
		expect([lineOf(unknown, 'cluster'), unknown.code]).toEqual([
			expect.stringMatching(/^fail: .*Unauthorized/),
			1,
		]);
		const dead = await kubeconfigFor(fixture, 'not-a-token', 'https://127.0.0.1:1');
		const away = await diagnose(fixture, ['--kubeconfig', dead]);
		expect([lineOf(away, 'cluster'), away.code]).toEqual([
			expect.stringMatching(/^fail: .*refuses the connection.*check the kubeconfig/),
			1,
		]);
	});
});
