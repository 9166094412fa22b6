import { expect, test } from 'vitest';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { runPod } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { makeTenant } from './support/tenant.ts';

/** Prints the mode of seccomp (2: a filter; proc(5)) of the sidecar, which runs the same executable. */
const PRINTS_MODE = `
. /secrets/env
for process in /proc/[0-9]*; do
	case "$(tr '\\0' ' ' < $process/cmdline)" in
		/opt/envtier/fetcher*) echo "$LEVEL $(grep '^Seccomp:' $process/status | tr -d '\\t')" ;;
	esac
done
`;

describeWithNode('the seccomp profile of the runtime', (servers) => {
	test('applies to the fetcher and its sidecar, and both work under it', async () => {
		const tenant = await makeTenant(servers);
		const main = { ...MAIN, image: 'localhost/busybox:1', command: ['sh', '-ec', PRINTS_MODE] };
		const asked = tenant.pod({ shareProcessNamespace: true, containers: [main] }, { refresh: '24h' });
		const { pod, log } = await runPod(servers.cluster, tenant.namespace, asked);
		expect([pod.status?.phase, log]).toEqual(['Succeeded', 'debug Seccomp:2\n']);
		const injected = pod.spec?.initContainers?.map(({ name, securityContext }) => [
			name,
			securityContext?.seccompProfile?.type,
		]);
		expect(injected).toEqual([
			['envtier-fetch', 'RuntimeDefault'],
			['envtier-refresh', 'RuntimeDefault'],
		]);
	});
});
