import { expect, test } from 'vitest';
import { admissionCheck } from '../../cli/doctor/admission.ts';

/**
 * Errors of an API server (test/cluster/apiserver/client-auth.test.ts) whose client certificate the webhook
 * refuses.
 */
const SAYS = [
	'the server has asked for the client to provide credentials',
	'the server responded with the status code 403: the common name of the client certificate is not in ENVTIER_CLIENT_NAMES',
];

test.each(SAYS)('a webhook that says "%s" has its cure', (says) => {
	const message = `Internal error occurred: failed calling webhook "inject.envtier.dev": failed to call webhook: ${says}`;
	const { check } = admissionCheck({ status: 500, body: { message } }, 'shop');
	expect(check).toMatchObject({ status: 'fail', cure: expect.stringContaining('deploy/client-auth') });
});
