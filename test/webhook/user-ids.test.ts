import type { V1SecurityContext } from '@kubernetes/client-node';
import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { ASKS, podOf, WEB } from './support/pods.ts';
import { request } from './support/request.ts';
import { settings } from './support/settings.ts';

/** Who the fetcher runs as for a container with this security context, or why there is none. */
function fetcherFor(securityContext: V1SecurityContext, asks = {}): string {
	const pod = podOf({ ...ASKS, ...asks }, { containers: [{ ...WEB, securityContext }] });
	const decision = admit(request(pod), settings().injection);
	if (decision.kind !== 'inject') return decision.reason;
	const [fetcher] = decision.plan.fetchers;
	return `${fetcher?.userIds.user}:${fetcher?.userIds.group}`;
}

const root = (capabilities?: V1SecurityContext['capabilities']): V1SecurityContext => ({
	runAsUser: 0,
	...(capabilities === undefined ? {} : { capabilities }),
});

describe('root reads the files of others', () => {
	test.for<readonly [string, V1SecurityContext]>([
		['with the capabilities that a runtime gives', root()],
		['with an empty list of capabilities', root({})],
		['without capabilities that do not matter', root({ drop: ['NET_RAW', 'CHOWN', 'MKNOD'] })],
		['with DAC_OVERRIDE added to none', root({ drop: ['ALL'], add: ['DAC_OVERRIDE'] })],
		[
			'with the capability’s name as the kernel writes it',
			root({ drop: ['ALL'], add: ['CAP_DAC_OVERRIDE'] }),
		],
		['with the capability’s name in lower case', root({ drop: ['all'], add: ['dac_override'] })],
		['with DAC_READ_SEARCH, which is enough to read', root({ drop: ['ALL'], add: ['DAC_READ_SEARCH'] })],
		['with all capabilities', root({ drop: ['DAC_OVERRIDE'], add: ['ALL'] })],
		['when privileged', { ...root({ drop: ['ALL'] }), privileged: true }],
	])('%s', ([, securityContext]) => {
		expect(fetcherFor(securityContext)).toBe('65532:65532');
		expect(fetcherFor(securityContext, { 'run-as-user': '1234' })).toBe('1234:1234');
	});
});

describe('root does not read the files of others', () => {
	test.for<readonly [string, V1SecurityContext]>([
		['without any capability', root({ drop: ['ALL'] })],
		['without any capability, in lower case', root({ drop: ['all'] })],
		['without DAC_OVERRIDE', root({ drop: ['DAC_OVERRIDE'] })],
		['without CAP_DAC_OVERRIDE', root({ drop: ['CAP_DAC_OVERRIDE'] })],
		['with others added to none', root({ drop: ['ALL'], add: ['NET_BIND_SERVICE', 'CHOWN'] })],
		['when not privileged', { ...root({ drop: ['ALL'] }), privileged: false }],
	])('%s', ([, securityContext]) => {
		expect(fetcherFor(securityContext)).toBe('root-without-override');
		expect(fetcherFor(securityContext, { 'run-as-user': '1234' })).toBe('root-without-override');
	});
});

test('capabilities matter only for containers of root', () => {
	expect(fetcherFor({ runAsUser: 1000, capabilities: { drop: ['ALL'] } })).toBe('1000:1000');
	expect(fetcherFor({ capabilities: { drop: ['ALL'] } }, { 'run-as-user': '7' })).toBe('7:7');
});

test('the group of root is the container’s, though its user is not', () => {
	expect(fetcherFor({ runAsUser: 0, runAsGroup: 0 })).toBe('65532:0');
});
