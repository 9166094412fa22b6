import { expect, test } from 'vitest';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { create, untilDescribed } from './support/observe.ts';
import { makeTenant, type TenantOptions } from './support/tenant.ts';

interface Fault {
	readonly tenant?: TenantOptions;
	readonly annotations?: Readonly<Record<string, string>>;
	readonly exitCode: number;
	/** What `kubectl describe pod` says; `TENANT` stands for the namespace, which is also the deployment's and the role's name. */
	readonly says: string;
}

/** Four of them are more than the volume of the setup holds. */
const LONG = 'x'.repeat(100 * 1024);

const FAULTS: Readonly<Record<string, Fault>> = {
	'the role does not exist': {
		annotations: { role: 'nobody' },
		exitCode: 21,
		says: 'login-refused: role "nobody" of auth mount "kubernetes" does not exist',
	},
	'the role is bound to another service account': {
		tenant: { role: { bound_service_account_names: ['api'] } },
		exitCode: 21,
		says: 'login-refused: role "TENANT" of auth mount "kubernetes" is not bound to service account "TENANT/default"',
	},
	'the role is bound to another namespace': {
		tenant: { role: { bound_service_account_namespaces: ['elsewhere'] } },
		exitCode: 21,
		says: 'login-refused: role "TENANT" of auth mount "kubernetes" is not bound to',
	},
	'the role wants another audience': {
		tenant: { role: { audience: 'somebody-else' } },
		exitCode: 21,
		says: 'login-refused: role "TENANT" of auth mount "kubernetes" does not accept the audience "vault"',
	},
	'the policy leaves a tier out': {
		tenant: { without: 'service' },
		exitCode: 22,
		says: 'read-refused: Vault refuses to list the service tier at "secret/metadata/deployments/TENANT/services/web/secrets"',
	},
	'the pod asks for the deployment of another': {
		annotations: { deployment: 'not-ours' },
		exitCode: 22,
		says: 'secret/metadata/deployments/not-ours/',
	},
	'a required key is missing': {
		annotations: { require: 'LEVEL,SESSION_KEY' },
		exitCode: 23,
		says: 'required-missing: none of the tiers read (org, deployment, service) has SESSION_KEY (asked for by envtier.dev/require)',
	},
	'the secrets together fill the volume': {
		tenant: { secrets: { A: LONG, B: LONG, C: LONG, D: LONG } },
		exitCode: 26,
		says: 'write-failed: /secrets is full: ',
	},
	'one secret is larger than the volume': {
		tenant: { secrets: { A: LONG.repeat(3) } },
		annotations: { format: 'json' },
		exitCode: 26,
		says: 'write-failed: /secrets is full: ',
	},
};

describeWithNode('kubectl describe pod says what is wrong and what to do when', (servers) => {
	const { cluster } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);

	test.concurrent.for(Object.entries(FAULTS))('%s', async ([, fault]) => {
		const tenant = await makeTenant(servers, fault.tenant);
		await create(cluster, `/api/v1/namespaces/${tenant.namespace}/pods`, {
			metadata: { name: 'app', annotations: tenant.annotations(fault.annotations) },
			spec: {
				restartPolicy: 'Never',
				containers: [{ ...MAIN, image: 'localhost/busybox:1', command: ['true'] }],
			},
		});
		const says = fault.says.replaceAll('TENANT', tenant.namespace);
		const shown = await untilDescribed(kubectl, tenant.namespace, ['pod', 'app'], says);
		expect(shown).toContain(`Exit Code: ${fault.exitCode}`);
		expect(shown).toContain('What to do: ');
		expect(shown).toContain('Reason: PodInitializing');
		expect(shown).not.toContain('xxxx');
	});
});
