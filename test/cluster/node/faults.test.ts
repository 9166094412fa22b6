import { expect, test } from 'vitest';
import { EXIT_CODES } from '../../../contract/exit-codes.ts';
import { ANNOTATION_PREFIX } from '../../../contract/names.ts';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { FAILED_FETCHES, type FailedFetch, FETCH_EVENT, patternOf, wordsOf } from '../../support/symptoms.ts';
import { create, untilDescribed, untilPrinted } from './support/observe.ts';
import { makeTenant, type TenantOptions } from './support/tenant.ts';

/** How it is brought about. */
interface Fault {
	readonly tenant?: TenantOptions;
	readonly annotations?: Readonly<Record<string, string>>;
	/** The service account of the pod, that of the tenant unless given. */
	readonly account?: string;
}

/** Four of them are more than the volume of the setup holds. */
const LONG = 'x'.repeat(100 * 1024);

/** The outage of Vault has a file of its own. */
const FAULTS: Readonly<Record<Exclude<FailedFetch, 'Vault stays sealed'>, Fault>> = {
	'the role does not exist': { annotations: { role: 'nobody' } },
	'the role is bound to another service account': { tenant: { role: ['--account', 'api'] } },
	'the role is bound to another namespace': { tenant: { role: ['--namespace', 'elsewhere'] } },
	'the role wants another audience': { tenant: { role: ['--audience', 'somebody-else'] } },
	'the policy leaves a tier out': { tenant: { role: [] } },
	'the pod asks for the deployment of another': { annotations: { deployment: 'not-ours' } },
	'a pod of another service account asks for the service': { account: 'worker' },
	'a required key is missing': { annotations: { require: 'LEVEL,SESSION_KEY' } },
	'the secrets together fill the volume': { tenant: { secrets: { A: LONG, B: LONG, C: LONG, D: LONG } } },
	'one secret is larger than the volume': {
		tenant: { secrets: { A: LONG.repeat(3) } },
		annotations: { format: 'json' },
	},
};

describeWithNode('kubectl describe pod says what is wrong and what to do when', (servers) => {
	const { cluster } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);

	test.concurrent.for(Object.keys(FAULTS) as (keyof typeof FAULTS)[])('%s', async (name) => {
		const { reason } = FAILED_FETCHES[name];
		const { tenant: options, annotations = {}, account } = FAULTS[name];
		const tenant = await makeTenant(servers, options);
		const { namespace } = tenant;
		if (account !== undefined) await cluster.createServiceAccount(namespace, account);
		const pod = tenant.pod(
			{
				serviceAccountName: account ?? tenant.account,
				containers: [{ ...MAIN, image: 'localhost/busybox:1', command: ['true'] }],
			},
			annotations,
		);
		await create(cluster, `/api/v1/namespaces/${namespace}/pods`, pod);
		const names = {
			...{ namespace, account: tenant.account, deployment: namespace, service: tenant.account },
			role: pod.metadata?.annotations?.[`${ANNOTATION_PREFIX}role`] ?? '',
			...{ audience: 'vault', other: 'not-ours' },
		};
		const shown = await untilDescribed(kubectl, namespace, ['pod', 'app'], patternOf(wordsOf(name), names));
		expect(shown).toContain(`Exit Code: ${EXIT_CODES[reason].code}`);
		expect(shown).toContain('Reason: PodInitializing');
		await untilPrinted(kubectl, ['get', 'pods', '-n', namespace], /Init:(Error|CrashLoopBackOff)/);
		const event = patternOf(FETCH_EVENT, { pod: 'app', namespace });
		const events = await untilPrinted(kubectl, ['get', 'events', '-n', namespace], event);
		for (const text of [shown, events]) expect(text).not.toContain('xxxx');
		// It would start again and again.
		await kubectl('delete', 'pod', 'app', '-n', namespace, '--wait=false');
	});
});
