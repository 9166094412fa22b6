import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { ASKS, podOf } from './support/pods.ts';
import { request } from './support/request.ts';
import { settings } from './support/settings.ts';

function complaint(name: string): string {
	const decision = admit(request(podOf({ ...ASKS, [name]: 'x' })), settings().injection);
	if (decision.kind !== 'reject') throw new Error(`not refused but ${decision.kind}`);
	expect(decision.reason).toBe('unknown-annotation');
	return decision.message;
}

describe('an unknown annotation is refused with the name that was probably meant', () => {
	test.for([
		['deploymnet', 'deployment'],
		['deployement', 'deployment'],
		['Deployment', 'deployment'],
		['services', 'service'],
		['sevrice', 'service'],
		['organization', undefined],
		['orgs', 'org'],
		['roles', 'role'],
		['tier', 'tiers'],
		['required', 'require'],
		['requires', 'require'],
		['container', 'containers'],
		['paths', 'path'],
		['formats', 'format'],
		['envs', 'env'],
		['ENV', 'env'],
		['run-as-uid', 'run-as-user'],
		['runAsUser', 'run-as-user'],
		['run-as-grp', 'run-as-group'],
		['init_order', 'init-order'],
		['injected', 'inject'],
		['vault-addr', undefined],
		['address', undefined],
		['', undefined],
		['x'.repeat(300), undefined],
		['a/b', undefined],
		['__proto__', undefined],
		['toString', undefined],
		['hasOwnProperty', undefined],
	] as const)('%s', ([written, meant]) => {
		const message = complaint(written);
		if (meant === undefined)
			expect(message).toContain('known are envtier.dev/deployment, envtier.dev/service');
		else expect(message).toMatch(new RegExp(`: did you mean envtier\\.dev/${meant}\\?$`));
	});

	test('control characters and long names do not spoil the message', () => {
		for (const name of [
			'a\nb\u001b[31m',
			`b\u202e\u2066`,
			'c\u200f\u061c\ufeff',
			`d${'\u0000'.repeat(5000)}`,
			'e\ud800',
		]) {
			const message = complaint(name);
			expect(message).toMatch(/^[\x20-\x7e…]*$/);
			expect(message.length).toBeLessThan(1000);
		}
	});
});

describe('capitals before the slash, which Kubernetes allows', () => {
	const decide = (annotations: Readonly<Record<string, string>>) =>
		admit(request({ ...podOf(), metadata: { annotations } }), settings().injection);

	test.for(['Envtier.dev/deployment', 'ENVTIER.DEV/deployment', 'envtier.Dev/inject', 'Envtier.dev/sevrice'])(
		'%s is refused, alone and beside what is right',
		(name) => {
			for (const others of [{}, { 'envtier.dev/deployment': 'shop' }])
				expect(decide({ ...others, [name]: 'shop' })).toMatchObject({
					reason: 'unknown-annotation',
					message: expect.stringContaining(`write "envtier.dev/${name.split('/')[1]}"`),
				});
		},
	);

	test('an opt-out that is right leaves the pod alone all the same', () =>
		expect(decide({ 'Envtier.dev/deployment': 'shop', 'envtier.dev/inject': 'false' })).toMatchObject({
			reason: 'opted-out',
		}));

	test('a prefix that only looks like ours belongs to another tool', () => {
		for (const name of ['ENVTIER.DEVX/deployment', 'envtıer.dev/deployment', 'x-envtier.dev/deployment'])
			expect(decide({ [name]: 'shop' })).toMatchObject({ reason: 'not-requested' });
	});
});
